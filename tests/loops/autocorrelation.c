// lag:parallel i:reduce(+r)
void autocorrelation(int n, int lags, const float x[n + lags], float r[lags]) {
  for (int lag = 0; lag < lags; lag++) {
    r[lag] = 0.0f;
    for (int i = 0; i < n; i++) r[lag] += x[i] * x[i + lag];
  }
}
