// i:parallel anti(a:1)
void backwards_by_pairs(int n, double a[n + 2]) {
  for (int i = n - 1; i > 1; i -= 2) a[i] = a[i - 2] + a[i - 1];
}
