// i:sequential(a)
void scatter_from_itself(int n, const int index[n], float a[n]) {
  for (int i = 0; i < n; i++) a[index[i]] = a[i] + 1.0f;
}
