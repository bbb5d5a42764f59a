// i:parallel j:parallel
void transpose_in_place(int n, float a[n][n]) {
  for (int i = 1; i < n; i++) {
    for (int j = 0; j < i; j++) {
      float t = a[i][j];
      a[i][j] = a[j][i];
      a[j][i] = t;
    }
  }
}
