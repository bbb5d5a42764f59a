// i:parallel anti(a:1)
void shift_left(int n, float a[n + 1]) {
  for (int i = 0; i < n; i++) a[i] = a[i + 1];
}
