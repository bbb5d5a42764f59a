// i:parallel
#include <stdint.h>

void fixed_point_gain(int32_t n, int32_t gain, const int32_t in[n], int64_t out[n]) {
  for (int32_t i = 0; i < n; i++) out[i] = ((int64_t)in[i] * gain + 128) >> 8;
}
