// i:parallel output(a:2)
void write_two_ahead(int n, float a[n + 2], const float x[n], const float y[n]) {
  for (int i = 0; i < n; i++) {
    a[i + 2] = x[i];
    a[i] = y[i] * y[i];
  }
}
