// y:sequential(a) x:sequential(a)
void flat_choice_into_last_row(int h, int w, const float *b, float *a) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) a[y * w + x] = b[y * w + x] + (y + x > 0 ? 0.5f * a[y * w + x - 1] : 0.0f);
}
