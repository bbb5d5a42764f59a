// i:compact(k) anti(a:*)
int remove_zeros_in_place(int n, int a[n]) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (a[i] != 0) a[k++] = a[i];
  return k;
}
