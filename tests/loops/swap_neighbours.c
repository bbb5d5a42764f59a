// i:parallel
void swap_neighbours(int n, const int a[n + 1], int b[n]) {
  for (int i = 0; i < n; i++) b[i] = a[i ^ 1];
}
