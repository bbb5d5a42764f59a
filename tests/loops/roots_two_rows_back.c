// i:chains(a:2) j:parallel
#include <math.h>

void roots_two_rows_back(int n, int m, float a[n][m]) {
  for (int i = 2; i < n; i++)
    for (int j = 0; j < m; j++) a[i][j] = sqrtf(fabsf(a[i - 2][j])) + 0.5f;
}
