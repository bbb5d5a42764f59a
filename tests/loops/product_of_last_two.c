// i:sequential(a)
void product_of_last_two(int n, double a[n]) {
  for (int i = 2; i < n; i++) a[i] = 0.5 * a[i - 1] * a[i - 2] + 0.25;
}
