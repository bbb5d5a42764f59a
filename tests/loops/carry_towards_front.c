// i:chains(y:2)
void carry_towards_front(int n, int last, int step, const float x[n], float y[last + 1]) {
  for (int i = 2; i < n; i++) y[last - i * step] = 0.5f * y[last - (i - 1) * step + 1] + x[i];
}
