// i:exit
#include <math.h>

int length_of_quiet_start(int n, const float a[n], float noise) {
  int i = 0;
  while (i < n && fabsf(a[i]) < noise) i++;
  return i;
}
