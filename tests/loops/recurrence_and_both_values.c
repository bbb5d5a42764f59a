// i:scan(y:1); i:parallel
void recurrence_and_both_values(int n, const float c[n], const float x[n], float y[n], float z[n]) {
  for (int i = 1; i < n; i++) {
    y[i] = c[i] * y[i - 1] + x[i];
    z[i] = y[i] - y[i - 1];
  }
}
