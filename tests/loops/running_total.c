// i:scan(sum:1)
void running_total(int n, const float a[n], float out[n]) {
  float sum = 0.0f;
  for (int i = 0; i < n; i++) {
    sum += a[i];
    out[i] = sum;
  }
}
