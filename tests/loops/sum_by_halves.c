// refused
double sum_by_halves(int n, const double a[n]) {
  if (n == 0) return 0.0;
  if (n == 1) return a[0];
  return sum_by_halves(n / 2, a) + sum_by_halves(n - n / 2, a + n / 2);
}
