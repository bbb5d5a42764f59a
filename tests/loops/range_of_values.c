// i:reduce(min low,max high)
float range_of_values(int n, const float a[n]) {
  float low = a[0], high = a[0];
  for (int i = 1; i < n; i++) {
    low = a[i] < low ? a[i] : low;
    high = a[i] > high ? a[i] : high;
  }
  return high - low;
}
