// i:parallel j:parallel
void sharpen(const float in[256][256], float out[256][256]) {
  for (int i = 1; i < 255; i++)
    for (int j = 1; j < 255; j++) out[i][j] = 5.0f * in[i][j] - in[i - 1][j] - in[i + 1][j] - in[i][j - 1] - in[i][j + 1];
}
