// i:parallel j:reduce(+s)
void fir_filter(int n, int taps, const float x[n + taps], const float w[taps], float y[n]) {
  for (int i = 0; i < n; i++) {
    float s = 0.0f;
    for (int j = 0; j < taps; j++) s += w[j] * x[i + j];
    y[i] = s;
  }
}
