// y:parallel x:parallel anti(a:*)
void flat_shift_by_radius(int h, int w, int r, float *a) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w - r; x++) a[y * w + x] = 0.5f * a[y * w + x + r];
}
