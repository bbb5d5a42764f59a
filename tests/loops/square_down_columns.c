// j:parallel i:sequential(a)
void square_down_columns(int n, int m, float a[n][m]) {
  for (int j = 0; j < m; j++)
    for (int i = 1; i < n; i++) a[i][j] = 0.1f * a[i - 1][j] * a[i - 1][j] + a[i][j];
}
