// i:reduce(+sum)
#include <math.h>

float store_while_summing(int n, const float a[n], const float b[n], float c[n]) {
  float sum = 0.0f;
  for (int i = 0; i < n; i++) {
    c[i] = a[i] - b[i];
    sum += c[i] * c[i];
  }
  return sqrtf(sum);
}
