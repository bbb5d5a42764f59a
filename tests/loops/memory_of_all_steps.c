// i:sequential(a) j:reduce(+a)
void memory_of_all_steps(int n, const float weight[n][n], float a[n]) {
  for (int i = 1; i < n; i++)
    for (int j = 0; j < i; j++) a[i] += weight[i][j] * a[i - j - 1];
}
