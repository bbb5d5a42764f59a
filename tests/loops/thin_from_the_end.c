// i:parallel anti(a:1)
void thin_from_the_end(int n, int step, float *a) {
  for (int i = n; i > 0; i -= step) a[i] = 0.5f * (a[i] + a[i - 1]);
}
