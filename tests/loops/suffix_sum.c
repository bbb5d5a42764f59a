// i:scan(a:1)
void suffix_sum(int n, double a[n]) {
  for (int i = n - 2; i >= 0; i--) a[i] += a[i + 1];
}
