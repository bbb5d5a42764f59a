// i:scatter(b); i:compact(k)
int stay_before_counting(int n, int m, const float a[n], float b[n + 1]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    if (i < m)
      b[k] = a[i];
    else if (a[i] > 0)
      k++;
  }
  return k;
}
