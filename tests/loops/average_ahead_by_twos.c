// i:parallel anti(a:1) reroll(2)
void average_ahead_by_twos(int n, float a[n + 2]) {
  for (int i = 0; i < n; i += 2) {
    a[i] = 0.5f * (a[i] + a[i + 1]);
    a[i + 1] = 0.5f * (a[i + 1] + a[i + 2]);
  }
}
