// i:chains(a:2)
void even_distances(int n, double a[n], const double b[n]) {
  for (int i = 6; i < n; i++) a[i] = a[i - 4] * a[i - 6] + b[i];
}
