// i:parallel goto
void two_paths_by_goto(int n, const double a[n], const double b[n], double c[n]) {
  for (int i = 0; i < n; i++) {
    if (a[i] > b[i]) goto greater;
    c[i] = b[i] - a[i];
    goto next;
  greater:
    c[i] = 2.0 * a[i];
  next:;
  }
}
