// i:parallel expand(last)
int last_positive(int n, const float a[n]) {
  int last = -1;
  for (int i = 0; i < n; i++)
    if (a[i] > 0.0f) last = i;
  return last;
}
