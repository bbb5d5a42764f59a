// i:parallel anti(level:1)
void difference_before_reset(int n, float level[n + 1], const float fresh[n], float rise[n]) {
  for (int i = 0; i < n; i++) {
    rise[i] = level[i + 1] - level[i];
    level[i] = fresh[i];
  }
}
