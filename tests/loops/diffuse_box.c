// i:parallel j:parallel k:parallel
void diffuse_box(int n, const float u[n + 2][n + 2][n + 2], float v[n + 2][n + 2][n + 2]) {
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= n; j++)
      for (int k = 1; k <= n; k++)
        v[i][j][k] = (u[i - 1][j][k] + u[i + 1][j][k] + u[i][j - 1][k] + u[i][j + 1][k] + u[i][j][k - 1] + u[i][j][k + 1]) / 6;
}
