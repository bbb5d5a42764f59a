// i:parallel k:sequential(x)
void escape_times(int n, int limit, const float re[n], const float im[n], int steps[n]) {
  for (int i = 0; i < n; i++) {
    float x = 0.0f, y = 0.0f;
    int k;
    for (k = 0; k < limit; k++) {
      float t = x * x - y * y + re[i];
      y = 2.0f * x * y + im[i];
      x = t;
      if (x * x + y * y > 4.0f) break;
    }
    steps[i] = k;
  }
}
