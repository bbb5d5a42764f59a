// i:reduce(+s) j:reduce(+s)
float sum_below_diagonal(const float a[256][256]) {
  float s = 0.0f;
  for (int i = 1; i < 256; i++) {
    for (int j = 0; j < i; j++) s += a[i][j];
  }
  return s;
}
