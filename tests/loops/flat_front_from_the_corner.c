// y:wavefront x:wavefront
void flat_front_from_the_corner(int h, int w, const float *speed, float *time) {
  for (int y = h - 2; y >= 0; y--)
    for (int x = 1; x < w; x++) {
      const float side = time[y * w + w - x], below = time[(y + 1) * w + w - 1 - x];
      time[y * w + w - 1 - x] = (side < below ? side : below) + speed[y * w + w - 1 - x];
    }
}
