// y:wavefront x:wavefront; y:wavefront x:wavefront
void flat_distance_transform(int h, int w, const int *inside, int *distance) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int least = inside[y * w + x] > 0 ? h + w : 0;
      if (x > 0 && distance[y * w + x - 1] + 1 < least) least = distance[y * w + x - 1] + 1;
      if (y > 0 && distance[(y - 1) * w + x] + 1 < least) least = distance[(y - 1) * w + x] + 1;
      distance[y * w + x] = least;
    }
  for (int y = h - 1; y >= 0; y--)
    for (int x = w - 1; x >= 0; x--) {
      int least = distance[y * w + x];
      if (x < w - 1 && distance[y * w + x + 1] + 1 < least) least = distance[y * w + x + 1] + 1;
      if (y < h - 1 && distance[(y + 1) * w + x] + 1 < least) least = distance[(y + 1) * w + x] + 1;
      distance[y * w + x] = least;
    }
}
