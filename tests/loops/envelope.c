// i:sequential(level)
#include <math.h>

void envelope(int n, float decay, const float x[n], float out[n]) {
  float level = 0.0f;
  for (int i = 0; i < n; i++) {
    if (fabsf(x[i]) > level)
      level = fabsf(x[i]);
    else
      level *= decay;
    out[i] = level;
  }
}
