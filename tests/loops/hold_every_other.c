// i:scan(a:1)
void hold_every_other(int n, float a[n]) {
  for (int i = 1; i < n; i++) a[i] += i % 2 == 0 ? 0.5f * a[i - 1] : 0.25f;
}
