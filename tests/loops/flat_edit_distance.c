// i:parallel; j:parallel; i:wavefront j:wavefront
void flat_edit_distance(int n, int m, const int *a, const int *b, int *d) {
  for (int i = 0; i <= n; i++) d[i * (m + 1)] = i;
  for (int j = 0; j <= m; j++) d[j] = j;
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= m; j++) {
      int least = d[(i - 1) * (m + 1) + j - 1] + (a[i - 1] != b[j - 1]);
      if (d[(i - 1) * (m + 1) + j] + 1 < least) least = d[(i - 1) * (m + 1) + j] + 1;
      if (d[i * (m + 1) + j - 1] + 1 < least) least = d[i * (m + 1) + j - 1] + 1;
      d[i * (m + 1) + j] = least;
    }
}
