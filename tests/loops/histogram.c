// i:scatter(+bins)
void histogram(int n, const float x[n], float low, float width, int bins[64]) {
  for (int i = 0; i < n; i++) {
    int k = (int)((x[i] - low) / width);
    if (k < 0) k = 0;
    if (k > 63) k = 63;
    bins[k]++;
  }
}
