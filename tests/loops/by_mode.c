// i:parallel; i:scan(b:1)
void by_mode(int n, int cumulative, const float a[n], float b[n]) {
  if (!cumulative) {
    for (int i = 1; i < n; i++) b[i] = a[i];
  } else {
    for (int i = 1; i < n; i++) b[i] = b[i - 1] + a[i];
  }
}
