// i:scan(heat:1) j:parallel
void decay_down_columns(int n, int m, const float source[n][m], float heat[n][m]) {
  for (int i = 1; i < n; i++) {
    for (int j = 0; j < m; j++) heat[i][j] = 0.8f * heat[i - 1][j] + source[i][j];
  }
}
