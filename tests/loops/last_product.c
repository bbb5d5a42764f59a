// i:parallel expand(t)
float last_product(int n, const float a[n], const float b[n], float c[n]) {
  float t = 0.0f;
  for (int i = 0; i < n; i++) {
    t = a[i] * b[i];
    c[i] = t + 1.0f;
  }
  return t;
}
