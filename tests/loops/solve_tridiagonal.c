// i:sequential(c); i:scan(d:1); i:scan(x:1)
void solve_tridiagonal(int n, const double a[n], const double b[n], double c[n], double d[n], double x[n + 1]) {
  for (int i = 1; i < n; i++) {
    double m = 1.0 / (b[i] - a[i] * c[i - 1]);
    c[i] = c[i] * m;
    d[i] = (d[i] - a[i] * d[i - 1]) * m;
  }
  x[n] = 0.0;
  for (int i = n - 1; i >= 0; i--) x[i] = d[i] - c[i] * x[i + 1];
}
