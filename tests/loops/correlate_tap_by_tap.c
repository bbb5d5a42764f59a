// j:reduce(+y) i:parallel
void correlate_tap_by_tap(int n, int taps, const double x[n + taps], const double w[taps], double y[n]) {
  for (int j = 0; j < taps; j++)
    for (int i = 0; i < n; i++) y[i] += x[i + j] * w[j];
}
