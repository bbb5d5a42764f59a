// i:sequential(a)
void gather_in_place(int n, const int index[n], int a[n]) {
  for (int i = 0; i < n; i++) a[i] = a[index[i]];
}
