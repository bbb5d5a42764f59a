// i:chains(tone:4)
#include <math.h>

void echo_of_four(int n, float tone[n + 4]) {
  for (int i = 0; i < n; i++) tone[i + 4] += sqrtf(fabsf(tone[i]));
}
