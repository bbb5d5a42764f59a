// i:compact(next)
void spread_to_mask(int n, const int mask[n], const float packed[n], float out[n]) {
  int next = 0;
  for (int i = 0; i < n; i++) {
    if (mask[i]) {
      out[i] = packed[next];
      next++;
    } else {
      out[i] = 0.0f;
    }
  }
}
