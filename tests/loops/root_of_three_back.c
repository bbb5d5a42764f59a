// i:chains(a:3)
#include <math.h>

void root_of_three_back(int n, float a[n], const float b[n]) {
  for (int i = 3; i < n; i++) a[i] = sqrtf(fabsf(a[i - 3])) + b[i];
}
