// i:sequential(t) j:parallel
#include <math.h>

void cool_layers(int n, int m, float t[n][m]) {
  for (int i = 1; i < n; i++)
    for (int j = 0; j < m; j++) t[i][j] += sqrtf(fabsf(t[i - 1][j]));
}
