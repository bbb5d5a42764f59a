// i:compact(k)
int drop_repeats(int n, const int sorted[n], int distinct[n]) {
  int k = 1;
  distinct[0] = sorted[0];
  for (int i = 1; i < n; i++)
    if (sorted[i] != sorted[i - 1]) distinct[k++] = sorted[i];
  return k;
}
