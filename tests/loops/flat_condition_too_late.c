// y:sequential(a) x:sequential(a)
void flat_condition_too_late(int h, int w, const float *b, float *a) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float sum = b[y * w + x];
      if ((x > 0 || b[y * w + x] > 0.0f) && y > 0) sum += 0.5f * a[y * w + x - 1];
      a[y * w + x] = sum;
    }
}
