// i:scan(a:4)
// facts: period=4
void repeat_pattern(int n, int period, int a[n + period]) {
  for (int i = 0; i < n; i++) a[i + period] = a[i];
}
