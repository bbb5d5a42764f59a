// i:reduce(+total)
void add_into_first(int n, const int a[n], const int b[n], int total[1]) {
  for (int i = 0; i < n; i++) total[0] += a[i] * b[i];
}
