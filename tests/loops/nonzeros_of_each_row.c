// i:parallel j:compact(k)
void nonzeros_of_each_row(int n, int m, const float a[n][m], int column[n][m], int length[n]) {
  for (int i = 0; i < n; i++) {
    int k = 0;
    for (int j = 0; j < m; j++)
      if (a[i][j] != 0.0f) column[i][k++] = j;
    length[i] = k;
  }
}
