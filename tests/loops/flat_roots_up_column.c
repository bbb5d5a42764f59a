// y:chains(a:2)
#include <math.h>

void flat_roots_up_column(int h, int w, float *a) {
  for (int y = h - 3; y >= 0; y--) a[y * w + w - 1] = sqrtf(fabsf(a[(y + 2) * w + w - 1])) + 0.5f;
}
