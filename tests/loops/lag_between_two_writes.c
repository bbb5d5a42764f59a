// i:parallel output(a:1); i:parallel
void lag_between_two_writes(int n, float a[n + 1], const float b[n], float c[n]) {
  for (int i = 1; i < n; i++) {
    c[i] = a[i - 1];
    a[i] = b[i];
    a[i + 1] = -b[i];
  }
}
