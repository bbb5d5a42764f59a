// i:compact(k)
int ends_of_runs(int n, const int in[n + 1], int last[n], int at[n]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    int value = in[i];
    last[k] = value * 3;
    at[k] = i;
    if (in[i + 1] != value) k++;
  }
  return k;
}
