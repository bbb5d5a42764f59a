// i:reduce(+sums) j:parallel
void column_sums(int n, int m, const float a[n][m], float sums[m]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) sums[j] += a[i][j];
}
