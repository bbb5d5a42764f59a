// i:exit j:exit goto
int leave_two_loops_by_goto(int n, int m, const int a[n][m], int forbidden) {
  int clean = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++)
      if (a[i][j] == forbidden) goto out;
  clean = 1;
out:
  return clean;
}
