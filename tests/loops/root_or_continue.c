// i:parallel
#include <math.h>

void root_or_continue(int n, const double a[n], double b[n]) {
  for (int i = 0; i < n; i++) {
    if (a[i] < 0.0) continue;
    b[i] = sqrt(a[i]);
  }
}
