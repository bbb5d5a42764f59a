// i:parallel
void soft_threshold(int n, float limit, float a[n]) {
  for (int i = 0; i < n; i++) a[i] = a[i] > limit ? a[i] - limit : a[i] < -limit ? a[i] + limit : 0.0f;
}
