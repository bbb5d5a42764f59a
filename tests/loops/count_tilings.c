// i:scan(now:1,2)
int count_tilings(int n, const int colours[n], int ways[n]) {
  int before = 1, now = 1;
  for (int i = 0; i < n; i++) {
    int next = now + colours[i] * before;
    before = now;
    now = next;
    ways[i] = now;
  }
  return before;
}
