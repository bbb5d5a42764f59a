// y:wavefront x:wavefront
#define WIDTH 48

void flat_front_fixed_width(int h, int a[h * WIDTH]) {
  for (int y = 1; y < h; y++)
    for (int x = 1; x < WIDTH; x++) a[y * WIDTH + x] ^= a[y * WIDTH + x - 1] + a[(y - 1) * WIDTH + x];
}
