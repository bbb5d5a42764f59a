// i:wavefront j:wavefront
void relax_in_place(int n, double u[n + 2][n + 2]) {
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= n; j++) u[i][j] = 0.25 * (u[i - 1][j] + u[i + 1][j] + u[i][j - 1] + u[i][j + 1]);
}
