// i:reduce(+e) reroll(3)
double energy_in_three_statements(int n, const double v[n + 2]) {
  double e = 0.0;
  for (int i = 0; i < n; i += 3) {
    e += v[i] * v[i];
    e += v[i + 1] * v[i + 1];
    e += v[i + 2] * v[i + 2];
  }
  return 0.5 * e;
}
