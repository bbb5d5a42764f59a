// i:parallel j:parallel
void life_step(int n, int m, const int old[n + 2][m + 2], int fresh[n + 2][m + 2]) {
  for (int i = 1; i <= n; i++) {
    for (int j = 1; j <= m; j++) {
      int around = old[i - 1][j - 1] + old[i - 1][j] + old[i - 1][j + 1] + old[i][j - 1] + old[i][j + 1] + old[i + 1][j - 1] +
                   old[i + 1][j] + old[i + 1][j + 1];
      fresh[i][j] = around == 3 || (around == 2 && old[i][j] != 0);
    }
  }
}
