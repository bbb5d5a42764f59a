// i:scan(y:1); i:reduce(+energy)
float filter_and_energy(int n, const float x[n], float y[n]) {
  float energy = 0.0f;
  for (int i = 1; i < n; i++) {
    y[i] = 0.5f * y[i - 1] + x[i];
    energy += x[i] * x[i];
  }
  return energy;
}
