// i:scan(a:4)
void four_lag_blend(int n, float a[n], const float w[n], const float b[n]) {
  for (int i = 4; i < n; i++) a[i] = w[i] * a[i - 4] + b[i];
}
