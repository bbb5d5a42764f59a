// i:parallel j:parallel
void transpose_flat_in_place(int n, double *a) {
  for (int i = 1; i < n; i++)
    for (int j = 0; j < i; j++) {
      double t = a[i * n + j];
      a[i * n + j] = a[j * n + i];
      a[j * n + i] = t;
    }
}
