// i:parallel j:parallel
void transpose(int n, int m, const double a[n][m], double b[m][n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) b[j][i] = a[i][j];
}
