// lag:parallel i:reduce(+s); lag:reduce(argmax best,at)
int best_lag(int n, int lags, const float a[n], const float b[n + lags]) {
  float best = 0.0f;
  int at = 0;
  for (int lag = 0; lag < lags; lag++) {
    float s = 0.0f;
    for (int i = 0; i < n; i++) s += a[i] * b[i + lag];
    if (s > best) {
      best = s;
      at = lag;
    }
  }
  return at;
}
