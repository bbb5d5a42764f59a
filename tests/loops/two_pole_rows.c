// i:parallel j:scan(y:1,2)
void two_pole_rows(int n, int m, const double x[n][m], double y[n][m]) {
  for (int i = 0; i < n; i++)
    for (int j = 2; j < m; j++) y[i][j] = 1.6 * y[i][j - 1] - 0.64 * y[i][j - 2] + 0.04 * x[i][j];
}
