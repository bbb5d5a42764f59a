// i:parallel j:scan(v:1)
void polynomial_at_each(int n, int degree, const float c[degree + 1], const float x[n], float y[n]) {
  for (int i = 0; i < n; i++) {
    float v = c[degree];
    for (int j = degree - 1; j >= 0; j--) v = v * x[i] + c[j];
    y[i] = v;
  }
}
