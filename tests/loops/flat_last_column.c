// y:parallel
void flat_last_column(int h, int w, const float *edge, float *a) {
  for (int y = 0; y < h; y++) {
    a[y * w] = edge[y];
    a[y * w + w - 1] = -edge[y];
  }
}
