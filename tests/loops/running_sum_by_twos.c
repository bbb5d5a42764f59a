// i:scan(s:1) reroll(2)
void running_sum_by_twos(int n, const float a[n + 1], float s[n + 1]) {
  for (int i = 1; i < n; i += 2) {
    s[i] = s[i - 1] + a[i];
    s[i + 1] = s[i] + a[i + 1];
  }
}
