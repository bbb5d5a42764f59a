// i:scan(high:1)
void latest_high(int n, float b[n], const float a[n + 1]) {
  float high = a[0];
  for (int i = 0; i < n; i++) {
    if (a[i + 1] >= high) high = a[i + 1];
    b[i] = high;
  }
}
