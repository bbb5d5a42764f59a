// i:exit
int until_empty(int n, const int stock[n], int shelf[n]) {
  for (int i = 0; i < n; i++) {
    if (stock[i] == 0) return i;
    shelf[i] = stock[i] - 1;
  }
  return n;
}
