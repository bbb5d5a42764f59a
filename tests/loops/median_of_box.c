// y:parallel x:parallel dy:sequential(seen) dx:sequential(seen)
void median_of_box(int w, int h, const int *in, int *out) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      int seen[9];
      for (int dy = 0; dy < 3; dy++)
        for (int dx = 0; dx < 3; dx++) seen[dy * 3 + dx] = in[(y + dy - 1) * w + x + dx - 1];
      for (int i = 0; i < 5; i++)
        for (int j = 8; j > i; j--)
          if (seen[j] < seen[j - 1]) {
            int smaller = seen[j];
            seen[j] = seen[j - 1];
            seen[j - 1] = smaller;
          }
      out[y * w + x] = seen[4];
    }
}
