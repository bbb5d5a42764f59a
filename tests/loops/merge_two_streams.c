// i:compact(k)
int merge_two_streams(int n, const int a[n], const int b[n], int out[2 * n]) {
  int k = -1;
  for (int i = 0; i < n; i++) {
    if (a[i] > 2) out[++k] = a[i];
    if (b[i] > 3) out[++k] = -b[i];
  }
  return k + 1;
}
