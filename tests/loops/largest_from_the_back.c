// i:reduce(argmax best,where)
int largest_from_the_back(int n, const int a[n]) {
  int best = a[n - 1], where = n - 1;
  for (int i = n - 2; i >= 0; i--)
    if (a[i] > best) best = a[i], where = i;
  return where;
}
