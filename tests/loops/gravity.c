// i:parallel j:reduce(+fx,+fy)
#include <math.h>

void gravity(int n, const float x[n], const float y[n], const float mass[n], float ax[n], float ay[n]) {
  for (int i = 0; i < n; i++) {
    float fx = 0.0f, fy = 0.0f;
    for (int j = 0; j < n; j++) {
      float dx = x[j] - x[i], dy = y[j] - y[i];
      float r2 = dx * dx + dy * dy + 0.01f;
      float w = mass[j] / (r2 * sqrtf(r2));
      fx += w * dx;
      fy += w * dy;
    }
    ax[i] = fx;
    ay[i] = fy;
  }
}
