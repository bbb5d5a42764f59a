// refused
void rows_by_pointer(int n, int m, float** rows) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) rows[i][j] *= 2.0f;
}
