// i:parallel anti(a:*)
void offset_known_ahead(int n, int k, float a[n + k]) {
  if (k > 0) {
    for (int i = 0; i < n; i++) a[i] = 0.5f * a[i + k];
  }
}
