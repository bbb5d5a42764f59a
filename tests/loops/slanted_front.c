// i:wavefront j:wavefront
#include <math.h>

void slanted_front(int n, int m, float a[n][m]) {
  for (int i = 1; i < n; i++)
    for (int j = 1; j < m - 1; j++) a[i][j] = sqrtf(a[i - 1][j + 1] * a[i - 1][j + 1] + a[i][j - 1] * a[i][j - 1]);
}
