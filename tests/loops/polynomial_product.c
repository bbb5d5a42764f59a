// i:reduce(+c) j:parallel
void polynomial_product(int n, int m, const double a[n], const double b[m], double c[n + m]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) c[i + j] += a[i] * b[j];
}
