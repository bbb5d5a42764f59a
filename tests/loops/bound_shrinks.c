// refused
int bound_shrinks(int n, int a[n]) {
  for (int i = 0; i < n; i++) {
    if (a[i] < 0) n--;
    a[i] = i;
  }
  return n;
}
