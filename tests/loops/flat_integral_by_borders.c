// x:scan(area:1); y:sequential(area); y:wavefront x:wavefront
void flat_integral_by_borders(int h, int w, const float *in, float *area) {
  area[0] = in[0];
  for (int x = 1; x < w; x++) area[x] = area[x - 1] + in[x];
  for (int y = 1; y < h; y++) {
    area[y * w] = area[(y - 1) * w] + in[y * w];
    for (int x = 1; x < w; x++)
      area[y * w + x] = in[y * w + x] + area[y * w + x - 1] + area[(y - 1) * w + x] - area[(y - 1) * w + x - 1];
  }
}
