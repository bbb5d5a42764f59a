// i:parallel j:parallel; i:parallel k:reduce(+c) j:parallel
void matrix_product_by_rows(int n, const double a[n][n], const double b[n][n], double c[n][n]) {
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < n; j++) c[i][j] = 0.0;
    for (int k = 0; k < n; k++)
      for (int j = 0; j < n; j++) c[i][j] += a[i][k] * b[k][j];
  }
}
