// i:parallel; i:parallel
void lag_of_fresh_values(int n, float a[n], const float b[n], float c[n]) {
  for (int i = 1; i < n; i++) {
    a[i] = b[i] + 1.0f;
    c[i] = 2.0f * a[i - 1];
  }
}
