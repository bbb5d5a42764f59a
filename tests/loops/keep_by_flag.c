// i:compact(k)
int keep_by_flag(int n, float limit, const float a[n], float *restrict b) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    int keep = a[i] > limit ? 1 : 0;
    if (keep) b[k] = a[i];
    k += keep;
  }
  return k;
}
