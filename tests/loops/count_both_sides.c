// y:reduce(+count,+count) x:reduce(+count,+count)
void count_both_sides(int w, int h, const float *in, float limit, int count[2]) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      if (in[y * w + x] > limit)
        count[0]++;
      else
        count[1]++;
    }
}
