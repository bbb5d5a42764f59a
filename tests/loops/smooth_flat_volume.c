// z:parallel y:parallel x:parallel
void smooth_flat_volume(int d, int h, int w, const float *in, float *out) {
  for (int z = 1; z < d - 1; z++)
    for (int y = 1; y < h - 1; y++)
      for (int x = 1; x < w - 1; x++)
        out[(z * h + y) * w + x] = in[(z * h + y) * w + x - 1] + in[(z * h + y) * w + x + 1] + in[(z * h + y - 1) * w + x] +
                                   in[(z * h + y + 1) * w + x] + in[((z - 1) * h + y) * w + x] +
                                   in[((z + 1) * h + y) * w + x];
}
