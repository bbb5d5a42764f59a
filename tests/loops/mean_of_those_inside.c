// y:parallel x:parallel dy:reduce(+sum,+count) dx:reduce(+sum,+count)
void mean_of_those_inside(int w, int h, const float *in, float *out) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float sum = 0;
      int count = 0;
      for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
          int row = y + dy, column = x + dx;
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          sum += in[row * w + column];
          count++;
        }
      out[y * w + x] = sum / count;
    }
}
