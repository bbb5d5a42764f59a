// i:parallel anti(a:1)
void shift_right_backwards(int n, double a[n]) {
  for (int i = n - 1; i > 0; i--) a[i] = a[i - 1];
}
