// i:parallel j:scan(w:1) anti(w:1) output(w:*)
void weights_again(int n, int m, float w[n], const float x[n][m], const float y[n], float out[n][m]) {
  for (int i = 0; i < m; i++)
    for (int j = 1; j < n; j++) {
      w[j] = 0.75f - 0.5f * w[j - 1];
      out[j][i] = w[j] + x[j][i] * y[j];
    }
}
