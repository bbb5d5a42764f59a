// i:reduce(+even,+odd)
float two_partial_sums(int n, const float a[n + 1]) {
  float even = 0.0f, odd = 0.0f;
  for (int i = 0; i < n; i += 2) {
    even += a[i];
    odd += a[i + 1];
  }
  return even + odd;
}
