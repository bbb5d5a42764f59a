// y:wavefront x:wavefront
void flat_paths_on_a_grid(int h, int w, const int *open, int *paths) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      paths[y * w + x] = open[y * w + x] & ((x > 0 ? paths[y * w + x - 1] : 1) ^ (y > 0 ? paths[(y - 1) * w + x] : 2));
}
