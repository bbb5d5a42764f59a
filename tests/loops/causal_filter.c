// i:parallel j:reduce(+y)
void causal_filter(int n, int taps, const float x[n + taps], const float w[taps], float y[n]) {
  for (int i = 0; i < n; i++) {
    y[i] = 0.0f;
    for (int j = 0; j < taps; j++) y[i] += w[j] * x[i - j + taps - 1];
  }
}
