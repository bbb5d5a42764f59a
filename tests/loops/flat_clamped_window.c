// y:parallel x:parallel k:reduce(+sum)
void flat_clamped_window(int h, int w, int r, const float *in, float *out) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float sum = 0.0f;
      for (int k = -r; k <= r; k++) {
        int at = x + k;
        if (at < 0)
          at = 0;
        else if (at > w - 1)
          at = w - 1;
        sum += in[y * w + at];
      }
      out[y * w + x] = sum;
    }
}
