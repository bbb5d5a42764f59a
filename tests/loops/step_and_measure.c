// i:parallel; i:reduce(max fastest)
#include <math.h>

double step_and_measure(int n, double dt, const double force[n], double x[n], double v[n]) {
  double fastest = 0.0;
  for (int i = 0; i < n; i++) {
    v[i] += dt * force[i];
    x[i] += dt * v[i];
  }
  for (int i = 0; i < n; i++) fastest = fmax(fastest, fabs(v[i]));
  return fastest;
}
