// i:parallel; i:parallel; i:parallel
void three_turned_round(int n, const int a[n], int b[n], int c[n], int d[n]) {
  for (int i = 1; i < n; i++) {
    d[i] = c[i - 1] + 3;
    c[i] = b[i - 1] * 2;
    b[i] = a[i] - 1;
  }
}
