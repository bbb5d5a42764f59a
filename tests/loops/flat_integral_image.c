// y:wavefront x:wavefront
void flat_integral_image(int h, int w, const float *in, float *area) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float sum = in[y * w + x];
      if (x > 0) sum += area[y * w + x - 1];
      if (y > 0) sum += area[(y - 1) * w + x];
      if (x > 0 && y > 0) sum -= area[(y - 1) * w + x - 1];
      area[y * w + x] = sum;
    }
}
