// i:reduce(+sum) j:reduce(+sum) k:reduce(+sum)
long long sum_of_box(int n, int m, int l, const int a[n][m][l]) {
  long long sum = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++)
      for (int k = 0; k < l; k++) sum += a[i][j][k];
  return sum;
}
