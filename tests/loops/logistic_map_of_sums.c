// i:sequential(x); i:parallel
void logistic_map_of_sums(int n, double rate, double x[n], double y[n], const double a[n]) {
  for (int i = 1; i < n; i++) {
    x[i] = rate * x[i - 1] * (1.0 - x[i - 1]);
    y[i] = x[i - 1] + a[i];
  }
}
