// i:compact(kept)
int write_until_kept(int n, const float *in, const int *wanted, float *out) {
  int kept = 0;
  for (int i = n - 1; i >= 0; i--) {
    out[kept] = in[i];
    if (wanted[i] > 0) kept++;
  }
  return kept;
}
