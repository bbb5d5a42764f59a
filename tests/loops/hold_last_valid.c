// i:scan(held:1)
void hold_last_valid(int n, const int valid[n], const float a[n], float b[n]) {
  float held = 0.0f;
  for (int i = 0; i < n; i++) {
    if (valid[i]) held = a[i];
    b[i] = held;
  }
}
