// i:parallel
void scalar_set_on_both_sides(int n, const float a[n], const float b[n], const float c[n], float d[n]) {
  float t;
  for (int i = 0; i < n; i++) {
    if (a[i] > 0.0f)
      t = b[i];
    else
      t = -c[i];
    d[i] = t * t;
  }
}
