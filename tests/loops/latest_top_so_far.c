// i:reduce(max top)
// Of equal zeros the last one's sign is the result's; top has it only where a sample is not skipped.
void latest_top_so_far(int n, const float a[n + 1], const int skipped[n], float top[1]) {
  top[0] = 0.0f;
  for (int i = 0; i < n; i++)
    if (skipped[i] <= 0 && a[i] >= top[0]) top[0] = a[i];
}
