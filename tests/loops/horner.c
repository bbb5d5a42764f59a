// i:scan(value:1)
double horner(int n, double x, const double coefficient[n]) {
  double value = 0.0;
  for (int i = 0; i < n; i++) value = value * x + coefficient[i];
  return value;
}
