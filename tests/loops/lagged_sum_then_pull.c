// i:parallel anti(a:1); i:parallel
void lagged_sum_then_pull(int n, float a[n + 1], const float b[n], float d[n]) {
  for (int i = 1; i < n; i++) {
    d[i] = a[i - 1] + b[i];
    a[i] = 0.5f * a[i + 1];
  }
}
