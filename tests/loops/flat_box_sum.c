// y:parallel x:parallel v:reduce(+s) u:reduce(+s)
void flat_box_sum(int h, int w, int r, const float *in, float *out) {
  for (int y = r; y < h - r; y++)
    for (int x = r; x < w - r; x++) {
      float s = 0;
      for (int v = -r; v <= r; v++)
        for (int u = -r; u <= r; u++) s += in[(y + v) * w + x + u];
      out[y * w + x] = s;
    }
}
