// i:scan(high:1)
#include <math.h>

void highest_so_far(int n, const float a[n], float high[n]) {
  for (int i = 1; i < n; i++) high[i] = fmaxf(high[i - 1], a[i]);
}
