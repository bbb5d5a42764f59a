// i:parallel
#include <math.h>

#define PI 3.14159265358979
#define HANN(i, n) (0.5 - 0.5 * cos(2.0 * PI * (i) / (n)))

void apply_window(int n, double signal[n]) {
  for (int i = 0; i < n; i++) signal[i] *= HANN(i, n);
}
