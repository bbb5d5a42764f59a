// y:parallel x:parallel
void flip_flat_image(int w, int h, float *a) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w / 2; x++) {
      float left = a[y * w + x];
      a[y * w + x] = a[y * w + w - 1 - x];
      a[y * w + w - 1 - x] = left;
    }
}
