// i:parallel anti(a:1)
void thin_by_step(int n, int step, float *a) {
  for (int i = 0; i < n; i += step) a[i] = 0.5f * (a[i] + a[i + 1]);
}
