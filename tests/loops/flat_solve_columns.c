// x:parallel y:sequential(c); x:parallel y:scan(d:1); x:parallel y:scan(d:1)
void flat_solve_columns(int h, int w, const float *low, const float *mid, float *c, float *d) {
  for (int x = 0; x < w; x++) {
    c[x] = c[x] / mid[x];
    d[x] = d[x] / mid[x];
    for (int y = 1; y < h; y++) {
      const float m = 1.0f / (mid[y * w + x] - low[y * w + x] * c[(y - 1) * w + x]);
      c[y * w + x] = c[y * w + x] * m;
      d[y * w + x] = (d[y * w + x] - low[y * w + x] * d[(y - 1) * w + x]) * m;
    }
    for (int y = h - 2; y >= 0; y--) d[y * w + x] -= c[y * w + x] * d[(y + 1) * w + x];
  }
}
