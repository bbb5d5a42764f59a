// i:parallel j:parallel k:reduce(+c)
void matrix_product(int n, int m, int l, const float a[n][l], const float b[l][m], float c[n][m]) {
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) {
      c[i][j] = 0.0f;
      for (int k = 0; k < l; k++) c[i][j] += a[i][k] * b[k][j];
    }
  }
}
