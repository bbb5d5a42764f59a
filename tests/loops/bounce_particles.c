// i:parallel
void bounce_particles(int n, float dt, float wall, float x[n], float v[n]) {
  for (int i = 0; i < n; i++) {
    v[i] -= 9.81f * dt;
    x[i] += v[i] * dt;
    if (x[i] < 0.0f) {
      x[i] = -x[i];
      v[i] = -0.9f * v[i];
    } else if (x[i] > wall) {
      x[i] = 2.0f * wall - x[i];
      v[i] = -v[i];
    }
  }
}
