// i:parallel
void fill_range(int from, int to, float value, float a[to]) {
  for (int i = from; i < to; i++) a[i] = value + (float)(i - from);
}
