// i:scan(factor:1); i:reduce(+value)
double present_value(int n, double rate, const double cash[n]) {
  double value = 0.0, factor = 1.0;
  for (int i = 0; i < n; i++) {
    value += cash[i] * factor;
    factor /= 1.0 + rate;
  }
  return value;
}
