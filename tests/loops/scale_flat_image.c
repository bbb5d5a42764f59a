// i:parallel j:parallel
void scale_flat_image(int n, int m, float gain, const float in[n * m], float out[n * m]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) out[i * m + j] = gain * in[i * m + j];
}
