// i:parallel j:parallel output(y:*)
void last_of_each_row(int n, int m, const float a[n][m], const float b[m], float y[n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) y[i] = a[i][j] * b[j];
}
