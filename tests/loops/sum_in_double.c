// i:reduce(+sum)
double sum_in_double(int n, const float a[n]) {
  double sum = 0.0;
  for (int i = 0; i < n; i++) sum += a[i];
  return sum;
}
