// refused
// The pointer goes on from row 0 into row 1.
void row_by_walking_pointer(int m, float aa[2][m]) {
  float *p = &aa[0][0];
  for (int j = 1; j < m; j++) aa[1][j] = p[j + m - 1];
}
