// i:parallel j:parallel anti(field:1) anti(field:2)
void drift_down_right(int n, int m, double field[n + 1][m + 2]) {
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) field[i][j] = 0.5 * (field[i + 1][j] + field[i][j + 2]);
  }
}
