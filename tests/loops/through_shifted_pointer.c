// i:scan(a:1)
void through_shifted_pointer(int n, float a[n + 1], const float b[n]) {
  float* next = a + 1;
  for (int i = 0; i < n; i++) next[i] = a[i] + b[i];
}
