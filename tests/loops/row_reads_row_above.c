// i:parallel j:parallel; i:parallel j:parallel
void row_reads_row_above(int n, int m, const float f[n][m], float h[n][m], float e[n][m]) {
  for (int i = 1; i < n; i++) {
    for (int j = 0; j < m; j++) {
      e[i][j] = h[i - 1][j] * h[i - 1][j];
      h[i][j] = 2.0f * f[i][j];
    }
  }
}
