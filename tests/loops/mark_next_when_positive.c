// i:parallel output(a:1)
void mark_next_when_positive(int n, float a[n + 1], const float b[n], const float c[n]) {
  for (int i = 0; i < n; i++) {
    a[i] = b[i];
    if (c[i] > 0.0f) a[i + 1] = c[i];
  }
}
