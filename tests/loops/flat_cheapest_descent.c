// y:sequential(cost) x:parallel
void flat_cheapest_descent(int h, int w, const float *step, float *cost) {
  for (int y = 1; y < h; y++)
    for (int x = 1; x < w - 1; x++) {
      float least = cost[(y - 1) * w + x];
      if (cost[(y - 1) * w + x - 1] < least) least = cost[(y - 1) * w + x - 1];
      if (cost[(y - 1) * w + x + 1] < least) least = cost[(y - 1) * w + x + 1];
      cost[y * w + x] = step[y * w + x] + least;
    }
}
