// i:sequential(grid) j:parallel
#include <math.h>

void shift_down_left(int n, int m, float grid[n][m], const float rain[n][m]) {
  for (int i = 1; i < n; i++)
    for (int j = 0; j < m - 1; j++) grid[i][j] = sqrtf(fabsf(grid[i - 1][j + 1])) + rain[i][j];
}
