// i:parallel j:reduce(+total); i:scan(grand:1)
void reset_then_accumulate(int n, int m, const double a[n][m], double total[n], double grand[n]) {
  for (int i = 1; i < n; i++) {
    total[i] = 0.0;
    for (int j = 0; j < m; j++) total[i] += a[i][j];
    grand[i] = grand[i - 1] + total[i];
  }
}
