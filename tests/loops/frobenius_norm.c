// i:reduce(+s) j:reduce(+s)
#include <math.h>

double frobenius_norm(int n, int m, const double a[n][m]) {
  double s = 0.0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) s += a[i][j] * a[i][j];
  return sqrt(s);
}
