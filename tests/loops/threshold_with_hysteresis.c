// i:scan(on:1)
void threshold_with_hysteresis(int n, const float x[n], float low, float high, int out[n]) {
  int on = 0;
  for (int i = 0; i < n; i++) {
    if (x[i] > high)
      on = 1;
    else if (x[i] < low)
      on = 0;
    out[i] = on;
  }
}
