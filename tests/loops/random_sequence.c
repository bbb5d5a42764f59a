// i:sequential(seed)
void random_sequence(int n, int start, float out[n]) {
  long long seed = start;
  for (int i = 0; i < n; i++) {
    seed = (seed * 1103515245LL + 12345LL) & 0x7fffffffLL;
    out[i] = (float)seed / 2147483648.0f;
  }
}
