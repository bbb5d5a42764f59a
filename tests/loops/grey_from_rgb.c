// i:parallel
void grey_from_rgb(int n, const float rgb[3 * n], float grey[n]) {
  for (int i = 0; i < n; i++) grey[i] = 0.299f * rgb[3 * i] + 0.587f * rgb[3 * i + 1] + 0.114f * rgb[3 * i + 2];
}
