// i:parallel j:parallel k:reduce(+s)
void vertical_blur(int n, int m, const float in[n + 4][m], float out[n][m]) {
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) {
      float s = 0.0f;
      for (int k = 0; k < 5; k++) s += in[i + k][j];
      out[i][j] = 0.2f * s;
    }
  }
}
