// i:parallel
void strided_read(int n, int stride, const double a[n * stride + 1], double b[n]) {
  for (int i = 0; i < n; i++) b[i] = a[i * stride];
}
