// i:compact(k)
int keep_positive(int n, const float a[n], float kept[n]) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (a[i] > 0.0f) kept[k++] = a[i];
  return k;
}
