// i:parallel
void change_at_threshold(int n, int edge, const float a[n], const float b[n], float c[n]) {
  for (int i = 0; i < n; i++) {
    if (i < edge)
      c[i] = a[i];
    else
      c[i] = a[i] - b[i - edge];
  }
}
