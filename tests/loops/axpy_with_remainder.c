// i:parallel reroll(2); i:parallel
void axpy_with_remainder(int n, double alpha, const double x[n], double y[n]) {
  int i = 0;
  for (; i < n - 1; i += 2) {
    y[i] += alpha * x[i];
    y[i + 1] += alpha * x[i + 1];
  }
  for (; i < n; i++) y[i] += alpha * x[i];
}
