// j:parallel i:scan(a:1)
void column_by_column(int n, int m, double a[n][m], const double w[n]) {
  for (int j = 0; j < m; j++)
    for (int i = 1; i < n; i++) a[i][j] = w[i] * a[i - 1][j] + a[i][j];
}
