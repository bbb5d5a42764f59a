// i:parallel j:scan(w:1) anti(w:1) output(w:*)
void weights_ahead_once(int n, int m, float w[n + 1], const float x[n][m], float out[n][m]) {
  for (int i = 0; i < m; i++)
    for (int j = 1; j < n; j++) {
      w[j] = 0.75f - 0.5f * w[j - 1];
      out[j][i] = (i == 0 ? w[j + 1] : w[j]) + x[j][i];
    }
}
