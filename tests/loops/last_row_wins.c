// i:parallel j:parallel output(bottom:*)
void last_row_wins(int n, int m, const double table[n][m], double bottom[m]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) bottom[j] = table[i][j];
}
