// y:sequential(a) x:sequential(a)
void flat_front_into_next_row(int h, int w, float a[(h + 1) * w]) {
  for (int y = 1; y < h; y++)
    for (int x = 0; x < w; x++) a[y * w + x] = 0.5f * a[(y - 1) * w + x + 1] + 0.25f * a[(y - 1) * w + x];
}
