// i:parallel output(a:1)
void write_read_then_mark(int n, float a[n + 1], const float b[n], float d[n]) {
  for (int i = 0; i < n; i++) {
    a[i] = 2.0f * b[i];
    d[i] = a[i] + 1.0f;
    a[i + 1] = -b[i];
  }
}
