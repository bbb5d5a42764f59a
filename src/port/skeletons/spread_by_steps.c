// t:sequential(now) i:parallel
void spread_by_steps(int steps, int n, float now[n + 2], float next[n + 2]) {
  for (int t = 0; t < steps; t++) {
    for (int i = 1; i <= n; i++) next[i] = 0.5f * now[i] + 0.25f * (now[i - 1] + now[i + 1]);
    for (int i = 1; i <= n; i++) now[i] = next[i];
  }
}
