// i:scan(p:1); i:parallel
void pressure_before_flow(int n, float p[n], const float x[n], const float w[n], float y[n]) {
  for (int i = 1; i < n; i++) {
    y[i] = p[i - 1] * w[i];
    p[i] = 0.9f * p[i - 1] + x[i];
  }
}
