// i:parallel j:parallel
void fill_lower_triangle(int n, const float x[n], const float y[n], float a[n][n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) a[i][j] = x[i] * y[j];
}
