// i:parallel
static int clamp_byte(int v) {
  if (v < 0) return 0;
  return v > 255 ? 255 : v;
}

void luma_to_rgb(int n, const int y[n], const int u[n], const int v[n], int rgb[n][3]) {
  for (int i = 0; i < n; i++) {
    rgb[i][0] = clamp_byte(y[i] + (359 * (v[i] - 128)) / 256);
    rgb[i][1] = clamp_byte(y[i] - (88 * (u[i] - 128) + 183 * (v[i] - 128)) / 256);
    rgb[i][2] = clamp_byte(y[i] + (454 * (u[i] - 128)) / 256);
  }
}
