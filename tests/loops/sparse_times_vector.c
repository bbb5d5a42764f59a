// i:parallel k:reduce(+s)
void sparse_times_vector(int n, int entries, const int start[n + 1], const int column[entries], const double value[entries],
                         const double x[n], double y[n]) {
  for (int i = 0; i < n; i++) {
    double s = 0.0;
    for (int k = start[i]; k < start[i + 1]; k++) s += value[k] * x[column[k]];
    y[i] = s;
  }
}
