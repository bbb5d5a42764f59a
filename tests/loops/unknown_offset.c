// i:sequential(a)
void unknown_offset(int n, int k, float a[n + 8]) {
  for (int i = 8; i < n; i++) a[i] = 0.5f * a[i + k];
}
