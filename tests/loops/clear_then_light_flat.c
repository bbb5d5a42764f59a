// i:parallel; y:parallel x:parallel
void clear_then_light_flat(int w, int h, float *lit, const float *lamp, const float *in) {
  for (int i = 0; i < w * h; i++) lit[i] = 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) lit[y * w + x] += lamp[x] * in[y * w + x];
}
