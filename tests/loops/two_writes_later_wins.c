// i:parallel output(a:1)
void two_writes_later_wins(int n, float a[n + 1], const float b[n], const float c[n]) {
  for (int i = 0; i < n; i++) {
    a[i] = b[i] + c[i];
    a[i + 1] = b[i] - c[i];
  }
}
