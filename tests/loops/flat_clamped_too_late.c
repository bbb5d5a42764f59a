// y:parallel x:parallel anti(a:1)
void flat_clamped_too_late(int h, int w, float a[h * w + 1]) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int next = x + 1;
      if (next > w) next = w;
      a[y * w + x] = 0.5f * a[y * w + next];
    }
}
