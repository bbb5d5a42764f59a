// i:parallel j:scan(a:1)
void flat_row_totals(int n, int m, int a[n * m]) {
  for (int i = 0; i < n; i++)
    for (int j = 1; j < m; j++) a[i * m + j] += a[i * m + j - 1];
}
