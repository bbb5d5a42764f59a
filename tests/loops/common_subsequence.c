// i:wavefront j:wavefront
void common_subsequence(int n, int m, const int a[n], const int b[m], int length[n + 1][m + 1]) {
  for (int i = 1; i <= n; i++) {
    for (int j = 1; j <= m; j++) {
      if (a[i - 1] == b[j - 1])
        length[i][j] = length[i - 1][j - 1] + 1;
      else
        length[i][j] = length[i - 1][j] > length[i][j - 1] ? length[i - 1][j] : length[i][j - 1];
    }
  }
}
