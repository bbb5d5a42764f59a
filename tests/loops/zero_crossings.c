// i:reduce(+crossings)
int zero_crossings(int n, const float a[n]) {
  int crossings = 0;
  for (int i = 1; i < n; i++) crossings += (a[i] < 0.0f) != (a[i - 1] < 0.0f);
  return crossings;
}
