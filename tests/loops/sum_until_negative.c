// i:exit
double sum_until_negative(int n, const double a[n], double seen[n]) {
  double sum = 0.0;
  for (int i = 0; i < n; i++) {
    if (a[i] < 0.0) break;
    seen[i] = a[i];
    sum += a[i];
  }
  return sum;
}
