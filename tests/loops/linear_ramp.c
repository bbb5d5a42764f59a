// i:parallel induction(x)
void linear_ramp(int n, double from, double to, double out[n]) {
  double step = (to - from) / (double)n, x = from;
  for (int i = 0; i < n; i++) {
    out[i] = x;
    x += step;
  }
}
