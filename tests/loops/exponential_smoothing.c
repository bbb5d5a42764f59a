// i:scan(level:1)
void exponential_smoothing(int n, double alpha, const double x[n], double y[n]) {
  double level = x[0];
  for (int i = 0; i < n; i++) {
    level += alpha * (x[i] - level);
    y[i] = level;
  }
}
