// i:parallel
void every_third(int n, const float a[3 * n], float b[n]) {
  for (int i = 0; i < n; i++) b[i] = a[3 * i] + a[3 * i + 2];
}
