// i:parallel expand(previous:1)
void delta_encode_in_place(int n, int a[n]) {
  int previous = 0;
  for (int i = 0; i < n; i++) {
    int here = a[i];
    a[i] = here - previous;
    previous = here;
  }
}
