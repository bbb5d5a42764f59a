// i:parallel
// facts: column=2
void pick_column(int n, int column, const float a[n][4], float b[n]) {
  for (int i = 0; i < n; i++) b[i] = a[i][column];
}
