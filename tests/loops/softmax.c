// i:reduce(max peak); i:reduce(+sum); i:parallel
#include <math.h>

void softmax(int n, float a[n]) {
  float peak = a[0], sum = 0.0f;
  for (int i = 1; i < n; i++) peak = fmaxf(peak, a[i]);
  for (int i = 0; i < n; i++) {
    a[i] = expf(a[i] - peak);
    sum += a[i];
  }
  for (int i = 0; i < n; i++) a[i] /= sum;
}
