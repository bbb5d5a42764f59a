// t:sequential(now) i:parallel
void heat_in_time(int n, int steps, double now[n], double then[n]) {
  for (int t = 0; t < steps; t++) {
    for (int i = 1; i < n - 1; i++) then[i] = 0.25 * now[i - 1] + 0.5 * now[i] + 0.25 * now[i + 1];
    for (int i = 1; i < n - 1; i++) now[i] = then[i];
  }
}
