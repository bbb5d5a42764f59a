// i:reduce(argmax best,row,column) j:reduce(argmax best,row,column)
#include <math.h>

void pivot_of_matrix(int n, int m, const float a[n][m], int pivot[2]) {
  float best = -1.0f;
  int row = 0, column = 0;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) {
      if (fabsf(a[i][j]) > best) {
        best = fabsf(a[i][j]);
        row = i;
        column = j;
      }
    }
  }
  pivot[0] = row;
  pivot[1] = column;
}
