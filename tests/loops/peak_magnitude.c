// i:reduce(max peak)
#include <math.h>

float peak_magnitude(int n, const float a[n]) {
  float peak = 0.0f;
  for (int i = 0; i < n; i++) peak = fmaxf(peak, fabsf(a[i]));
  return peak;
}
