// i:scan(a:1,2)
void weighted_fibonacci(int n, const int c[n], int a[n]) {
  for (int i = 2; i < n; i++) a[i] = a[i - 1] + a[i - 2] * c[i];
}
