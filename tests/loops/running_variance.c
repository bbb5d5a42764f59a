// i:scan(mean:1); i:reduce(+squares)
double running_variance(int n, const double x[n]) {
  double mean = 0.0, squares = 0.0;
  for (int i = 0; i < n; i++) {
    double before = x[i] - mean;
    mean += before / (double)(i + 1);
    squares += before * (x[i] - mean);
  }
  return n > 1 ? squares / (n - 1) : 0.0;
}
