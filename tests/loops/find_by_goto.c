// i:exit goto
int find_by_goto(int n, int key, const int a[n]) {
  int i;
  for (i = 0; i < n; i++) {
    if (a[i] == key) goto found;
  }
  return -1;
found:
  return i;
}
