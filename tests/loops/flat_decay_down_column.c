// y:scan(heat:1)
void flat_decay_down_column(int h, int w, const float *source, float *restrict heat) {
  for (int y = 1; y < h; y++) heat[y * w] = 0.8f * heat[(y - 1) * w] + source[y * w];
}
