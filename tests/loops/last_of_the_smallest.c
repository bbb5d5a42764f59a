// i:reduce(argmin-last low,where)
void last_of_the_smallest(int n, const double a[n], double lowest[1], int position[1]) {
  double low = a[0];
  int where = 0;
  for (int i = 1; i < n; i++) {
    if (a[i] <= low) {
      low = a[i];
      where = i;
    }
  }
  lowest[0] = low;
  position[0] = where;
}
