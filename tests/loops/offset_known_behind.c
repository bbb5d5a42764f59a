// i:scan(a:2)
// facts: k=-2
void offset_known_behind(int n, int k, float a[n], const float b[n]) {
  for (int i = 2; i < n; i++) a[i] = 0.5f * a[i + k] + b[i];
}
