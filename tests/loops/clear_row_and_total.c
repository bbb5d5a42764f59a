// i:parallel j:parallel; i:parallel j:reduce(+total)
void clear_row_and_total(int n, int m, float dirty[n][m], const float b[n][m], float total[n]) {
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) dirty[i][j] = 0.0f;
    for (int j = 0; j < m; j++) total[i] += b[i][j];
  }
}
