// i:parallel anti(a:2)
void read_shifted_pointer(int n, double a[n + 2]) {
  const double* ahead = &a[2];
  for (int i = 0; i < n; i++) a[i] = 0.5 * ahead[i];
}
