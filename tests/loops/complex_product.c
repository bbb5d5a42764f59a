// i:parallel
void complex_product(int n, const float a[2 * n], const float b[2 * n], float c[2 * n]) {
  for (int i = 0; i < 2 * n; i += 2) {
    c[i] = a[i] * b[i] - a[i + 1] * b[i + 1];
    c[i + 1] = a[i] * b[i + 1] + a[i + 1] * b[i];
  }
}
