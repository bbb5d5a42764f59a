// i:reduce(*product)
double product_of_all(int n, const double a[n]) {
  double product = 1.0;
  for (int i = n - 1; i >= 0; i--) product *= 1.0 + 0.001 * a[i];
  return product;
}
