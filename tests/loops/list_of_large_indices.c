// i:compact(found)
#include <math.h>

int list_of_large_indices(int n, const double a[n], double limit, int index[n]) {
  int found = 0;
  for (int i = 0; i < n; i++) {
    if (fabs(a[i]) <= limit) continue;
    index[found] = i;
    found++;
  }
  return found;
}
