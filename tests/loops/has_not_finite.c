// i:exit j:exit
#include <math.h>

int has_not_finite(int n, int m, const float a[n][m]) {
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) {
      if (!(fabsf(a[i][j]) < 1e30f)) return 1;
    }
  }
  return 0;
}
