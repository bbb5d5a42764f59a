// i:wavefront j:wavefront
void sum_of_corners(int n, int m, float a[n + 1][m + 1]) {
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= m; j++) a[i][j] = 0.5f * (a[i - 1][j] + a[i][j - 1]);
}
