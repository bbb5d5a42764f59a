// i:compact(k)
// Behind the last one that is kept stands what came after it.
int pack_without_branch(int n, const float *a, float *packed) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    packed[k] = a[i];
    k += a[i] > 0.5f;
  }
  return k;
}
