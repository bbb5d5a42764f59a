// i:scan(next:1)
int offsets_from_counts(int n, const int count[n], int offset[n]) {
  int next = 0;
  for (int i = 0; i < n; i++) {
    offset[i] = next;
    next += count[i];
  }
  return next;
}
