// i:sequential(v) j:sequential(v)
void logistic_again(int n, int m, double v[n], const double x[n][m], double out[n][m]) {
  for (int i = m - 1; i >= 0; i--)
    for (int j = n - 2; j >= 0; j--) {
      double next = 3.0 * v[j + 1] * (1.0 - v[j + 1]);
      v[j] = next;
      out[j][i] = v[j + 1] * x[j][i] + next;
    }
}
