// i:scatter(+grid)
void deposit_charge(int n, int cells, const float x[n], const float charge[n], float grid[cells + 1]) {
  for (int i = 0; i < n; i++) {
    int cell = (int)x[i];
    float right = x[i] - (float)cell;
    grid[cell] += (1.0f - right) * charge[i];
    grid[cell + 1] += right * charge[i];
  }
}
