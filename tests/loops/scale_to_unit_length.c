// i:reduce(+square); i:parallel
#include <math.h>

void scale_to_unit_length(int n, double v[n]) {
  double square = 0.0;
  for (int i = 0; i < n; i++) square += v[i] * v[i];
  double scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
  for (int i = 0; i < n; i++) v[i] *= scale;
}
