// i:parallel j:scan(w:1) anti(w:1) output(w:*)
void weights_by_column(int n, int m, float w[n], const float x[n][m], float out[n][m]) {
  for (int i = 0; i < m; i++)
    for (int j = 1; j < n; j++) {
      w[j] = x[j][i] - 0.5f * w[j - 1];
      out[j][i] = w[j];
    }
}
