// i:parallel j:parallel induction(k)
void pack_lower_triangle(int n, const float a[n][n], float packed[n * (n + 1) / 2]) {
  int k = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) packed[k++] = a[i][j];
}
