// i:scan(sum:1)
void restart_at_marks(int n, const int mark[n], const float a[n], float sum[n]) {
  for (int i = 1; i < n; i++) sum[i] = mark[i] ? a[i] : sum[i - 1] + a[i];
}
