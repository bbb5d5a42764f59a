// i:parallel j:reduce(+y); i:parallel
void row_sum_and_sum_above(int n, int m, const float a[n][m], float y[n], float above[n]) {
  for (int i = 1; i < n; i++) {
    y[i] = 0.0f;
    for (int j = 0; j < m; j++) y[i] += a[i][j];
    above[i] = y[i - 1];
  }
}
