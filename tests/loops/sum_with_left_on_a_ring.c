// i:parallel expand(left:1)
void sum_with_left_on_a_ring(int n, const double a[n], double s[n]) {
  int left = n - 1;
  for (int i = 0; i < n; i++) {
    s[i] = a[i] + a[left];
    left = i;
  }
}
