// i:parallel j:reduce(+s)
void matrix_times_vector(int n, int m, const float a[n][m], const float x[m], float y[n]) {
  for (int i = 0; i < n; i++) {
    float s = 0.0f;
    for (int j = 0; j < m; j++) s += a[i][j] * x[j];
    y[i] = s;
  }
}
