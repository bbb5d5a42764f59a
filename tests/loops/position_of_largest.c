// i:reduce(argmax best,where)
int position_of_largest(int n, const float a[n]) {
  float best = a[0];
  int where = 0;
  for (int i = 1; i < n; i++) {
    if (a[i] > best) {
      best = a[i];
      where = i;
    }
  }
  return where;
}
