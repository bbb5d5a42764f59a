// y:parallel x:parallel anti(a:1)
void pull_flat_pixels(int w, int h, int a[w * h + 1]) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) a[y * w + x] = a[y * w + x + 1];
}
