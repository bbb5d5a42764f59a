// y:parallel x:parallel
void flat_clamped_blur(int h, int w, const float *in, float *out) {
  for (int y = 0; y < h; y++) {
    int above = y - 1, below = y + 1;
    if (above < 0) above = 0;
    if (below >= h) below = h - 1;
    for (int x = 0; x < w; x++) {
      int left = x - 1, right;
      if (left < 0) left = 0;
      if (x + 1 < w)
        right = x + 1;
      else
        right = w - 1;
      out[y * w + x] = 0.2f * (in[y * w + x] + in[y * w + left] + in[y * w + right] + in[above * w + x] + in[below * w + x]);
    }
  }
}
