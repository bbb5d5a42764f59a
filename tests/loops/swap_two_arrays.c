// i:parallel
void swap_two_arrays(int n, float a[n], float b[n]) {
  for (int i = 0; i < n; i++) {
    float t = a[i];
    a[i] = b[i];
    b[i] = t;
  }
}
