// i:parallel anti(a:*)
void divide_by_last(int n, float a[n]) {
  for (int i = 0; i < n; i++) a[i] = a[i] / a[n - 1];
}
