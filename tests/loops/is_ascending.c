// i:exit
int is_ascending(int n, const double a[n]) {
  int i;
  for (i = 1; i < n; ++i) {
    if (a[i - 1] > a[i]) break;
  }
  return i >= n;
}
