// j:reduce(+s)
static float sum_four(const float v[4]) { return (v[0] + v[1]) + (v[2] + v[3]); }

float sum_in_fours(int n, const float v[4 * n]) {
  float s = 0.0f;
  for (int j = 0; j < n; j++) s += sum_four(v + 4 * j);
  return s;
}
