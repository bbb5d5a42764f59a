// i:sequential(y)
void filter_until_gap(int n, const float x[n], float y[n]) {
  for (int i = 1; i < n; i++) {
    if (x[i] < -1e20f) return;
    y[i] = 0.25f * y[i - 1] + 0.75f * x[i];
  }
}
