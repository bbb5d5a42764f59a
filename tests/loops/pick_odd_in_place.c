// i:parallel anti(a:*)
void pick_odd_in_place(int n, float a[2 * n + 1]) {
  for (int i = 0; i < n; i++) a[i] = a[2 * i + 1];
}
