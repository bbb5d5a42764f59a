// i:parallel; i:parallel
void use_before_set(int n, const float a[n], float b[n], float c[n]) {
  for (int i = 1; i < n; i++) {
    c[i] = 2.0f * b[i - 1];
    b[i] = a[i] + 1.0f;
  }
}
