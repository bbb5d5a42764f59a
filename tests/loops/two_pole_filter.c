// i:scan(y:1,2)
void two_pole_filter(int n, float c1, float c2, const float x[n], float y[n]) {
  for (int i = 2; i < n; i++) y[i] = x[i] + c1 * y[i - 1] - c2 * y[i - 2];
}
