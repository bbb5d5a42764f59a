// i:parallel j:reduce(+acc)
void decimating_filter(int n, const int x[2 * n + 7], const int w[8], long long y[n]) {
  for (int i = 0; i < n; i++) {
    long long acc = 0;
    for (int j = 0; j < 8; j++) acc += (long long)w[j] * x[2 * i + j];
    y[i] = acc >> 8;
  }
}
