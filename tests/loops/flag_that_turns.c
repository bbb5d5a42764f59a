// i:compact(k); i:scatter(b)
int flag_that_turns(int n, float limit, const float a[n], float b[n + 1]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    int keep = a[i] > limit;
    if (keep) b[k] = a[i];
    keep = a[i] > 2 * limit;
    if (keep) k++;
  }
  return k;
}
