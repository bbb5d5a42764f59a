// i:parallel j:parallel k:reduce(+out) l:reduce(+out)
void blur_four_deep(int n, const float in[n + 2][n + 2], const float w[3][3], float out[n][n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      for (int k = 0; k < 3; k++)
        for (int l = 0; l < 3; l++) out[i][j] += w[k][l] * in[i + k][j + l];
}
