// i:parallel; i:parallel
void relative_to_first(int n, double a[n]) {
  for (int i = 0; i < n; i++) a[i] = a[i] - a[0];
}
