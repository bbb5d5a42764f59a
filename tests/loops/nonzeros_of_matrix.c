// i:compact(k) j:compact(k)
int nonzeros_of_matrix(int n, int m, const float a[n][m], float value[n * m], int row[n * m]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) {
      if (a[i][j] != 0.0f) {
        value[k] = a[i][j];
        row[k++] = i;
      }
    }
  }
  return k;
}
