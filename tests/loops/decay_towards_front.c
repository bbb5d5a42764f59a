// i:scan(y:1)
void decay_towards_front(int n, int last, int step, const float x[n], float y[last + 1]) {
  for (int i = 1; i < n; i++) y[last - i * step] = 0.5f * y[last - (i - 1) * step] + x[i];
}
