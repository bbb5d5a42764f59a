// i:parallel anti(a:*); i:parallel
void add_the_middle(int n, float a[n], const float b[n]) {
  for (int i = 0; i < n; i++) a[i] = a[n / 2] + b[i];
}
