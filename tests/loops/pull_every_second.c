// i:parallel anti(a:1)
void pull_every_second(int n, float a[n + 2]) {
  for (int i = 0; i < n; i += 2) a[i] = 0.5f * a[i + 2] + a[i + 1];
}
