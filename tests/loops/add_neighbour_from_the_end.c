// i:sequential(a)
void add_neighbour_from_the_end(int n, int step, float *a) {
  for (int i = n - 2; i >= 0; i -= step) a[i] = 0.5f * a[i] + a[i + 1];
}
