// i:parallel j:reduce(+s); i:reduce(+total)
double sum_of_squared_row_sums(int n, int m, const double a[n][m]) {
  double total = 0.0;
  for (int i = 0; i < n; i++) {
    double s = 0.0;
    for (int j = 0; j < m; j++) s += a[i][j];
    total += s * s;
  }
  return total;
}
