// i:sequential(x)
void logistic_map(int n, double rate, double x[n]) {
  for (int i = 1; i < n; i++) x[i] = rate * x[i - 1] * (1.0 - x[i - 1]);
}
