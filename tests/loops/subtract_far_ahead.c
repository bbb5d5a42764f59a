// i:parallel anti(a:5)
// facts: k=5
void subtract_far_ahead(int n, int k, int a[n + k], const int b[n]) {
  for (int i = 0; i < n; i++) a[i] = a[i + k] - b[i];
}
