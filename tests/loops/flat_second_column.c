// y:sequential(a)
void flat_second_column(int h, int w, float *a) {
  for (int y = 0; y < h; y++) a[y * w + 1] = a[y * w] + 1.0f;
}
