// x:parallel y:sequential(c); x:parallel y:parallel
void flat_solve_beside(int h, int w, const float *low, float *c, float *d) {
  for (int x = 1; x < w; x++)
    for (int y = 1; y < h; y++) {
      const float m = 1.0f / (2.0f + low[y * w + x] * low[y * w + x] + c[(y - 1) * w + x] * c[(y - 1) * w + x]);
      c[y * w + x] = c[y * w + x] * m;
      d[y * w + x] = m + c[y * w + x - 1];
    }
}
