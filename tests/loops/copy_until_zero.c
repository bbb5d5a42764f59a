// i:exit
void copy_until_zero(int n, const int a[n], int b[n]) {
  for (int i = 0; i < n; i++) {
    if (a[i] == 0) break;
    b[i] = 2 * a[i];
  }
}
