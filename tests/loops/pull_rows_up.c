// i:parallel j:parallel anti(grid:1)
void pull_rows_up(int n, int m, float grid[n + 1][m]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) grid[i][j] = 0.75f * grid[i][j] + 0.25f * grid[i + 1][j];
}
