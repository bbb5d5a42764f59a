// y:parallel x:sequential(c); y:parallel x:scan(d:1); y:parallel x:scan(d:1)
void flat_solve_rows(int h, int w, const float low[w], const float mid[w], const float up[w], float *c, float *d) {
  for (int y = 0; y < h; y++) {
    c[y * w] = up[0] / mid[0];
    d[y * w] = d[y * w] / mid[0];
    for (int x = 1; x < w; x++) {
      const float m = 1.0f / (mid[x] - low[x] * c[y * w + x - 1]);
      c[y * w + x] = up[x] * m;
      d[y * w + x] = (d[y * w + x] - low[x] * d[y * w + x - 1]) * m;
    }
    for (int x = w - 2; x >= 0; x--) d[y * w + x] -= c[y * w + x] * d[y * w + x + 1];
  }
}
