// i:sequential(s)
static void add_twice(int by, int *to) {
  *to += by;
  *to += by;
}

int add_twice_by_helper(int n, int a[n]) {
  int s = 1;
  for (int i = 0; i < n; i++) {
    add_twice(s, &s);
    if (s > 1000) s -= 1000;
    a[i] = s;
  }
  return s;
}
