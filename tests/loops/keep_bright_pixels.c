// i:compact(k) j:compact(k)
int keep_bright_pixels(int w, int h, const float *in, float limit, float *out) {
  int k = 0;
  for (int i = 0; i < h; i++)
    for (int j = 0; j < w; j++)
      if (in[i * w + j] > limit) out[k++] = in[i * w + j];
  return k;
}
