// i:parallel j:reduce(+square)
#include <math.h>

static float norm_of(int m, const float* v) {
  float square = 0.0f;
  for (int j = 0; j < m; j++) square += v[j] * v[j];
  return sqrtf(square);
}

void row_norms_by_helper(int n, int m, const float a[n][m], float norm[n]) {
  for (int i = 0; i < n; i++) norm[i] = norm_of(m, a[i]);
}
