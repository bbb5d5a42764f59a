// i:parallel
#include <math.h>

void interpolate_table(int n, int size, const float x[n], const float table[size + 1], float y[n]) {
  for (int i = 0; i < n; i++) {
    float at = fminf(fmaxf(x[i], 0.0f), (float)(size - 1));
    int cell = (int)at;
    float part = at - (float)cell;
    y[i] = table[cell] + part * (table[cell + 1] - table[cell]);
  }
}
