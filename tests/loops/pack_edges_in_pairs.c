// i:compact(k)
int pack_edges_in_pairs(int n, const int from[n], const int to[n], int pairs[2 * n]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    if (from[i] != to[i]) {
      pairs[k] = from[i];
      pairs[k + 1] = to[i];
      k += 2;
    }
  }
  return k / 2;
}
