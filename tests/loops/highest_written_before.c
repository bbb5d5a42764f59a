// i:parallel; i:reduce(max high)
float highest_written_before(int n, const float a[n], float b[n], float floor_value) {
  float high = floor_value;
  for (int i = 2; i < n; i++) {
    if (b[i - 2] > high) high = b[i - 2];
    b[i] = a[i] * a[i - 1];
  }
  return high;
}
