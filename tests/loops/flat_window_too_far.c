// y:parallel x:parallel output(a:1)
void flat_window_too_far(int h, int w, int r, const float *in, float *a) {
  for (int y = r; y < h - r; y++)
    for (int x = r; x <= w - r; x++) a[y * w + x] = in[y] + x;
}
