// i:parallel j:exit expand(at)
void first_match_in_each_row(int n, int m, int key, const int a[n][m], int first[n]) {
  for (int i = 0; i < n; i++) {
    int at = m;
    for (int j = 0; j < m; j++) {
      if (a[i][j] == key) {
        at = j;
        break;
      }
    }
    first[i] = at;
  }
}
