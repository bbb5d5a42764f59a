// i:parallel j:reduce(+a) anti(a:*)
void convolve_in_place(int n, int taps, const float w[taps], float a[n + taps]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < taps; j++) a[i] += w[j] * a[i + j + 1];
}
