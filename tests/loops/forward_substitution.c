// i:sequential(x) j:reduce(+s)
void forward_substitution(int n, const double l[n][n], const double b[n], double x[n]) {
  for (int i = 0; i < n; i++) {
    double s = b[i];
    for (int j = 0; j < i; j++) s -= l[i][j] * x[j];
    x[i] = s / l[i][i];
  }
}
