// i:parallel expand(t:1) expand(u:2)
void sum_of_last_three(int n, const float a[n], float b[n]) {
  float t = 0.0f, u = 0.0f;
  for (int i = 0; i < n; i++) {
    b[i] = a[i] + t + u;
    u = t;
    t = a[i];
  }
}
