// i:sequential(rows) j:parallel
void spread_to_next_row(int n, int m, float rows[n][m]) {
  for (int i = 1; i < n; i++)
    for (int j = 1; j < m - 1; j++) rows[i][j] = 0.5f * (rows[i - 1][j - 1] + rows[i - 1][j + 1]);
}
