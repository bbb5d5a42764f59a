// i:parallel
void interleave_channels(int n, const float left[n], const float right[n], float out[2 * n]) {
  for (int i = 0; i < n; i++) {
    out[2 * i] = left[i];
    out[2 * i + 1] = right[i];
  }
}
