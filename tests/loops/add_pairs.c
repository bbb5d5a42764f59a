// i:reduce(+b)
void add_pairs(int n, const float a[n], float b[n / 2 + 1]) {
  for (int i = 0; i < n; i++) b[i / 2] += a[i];
}
