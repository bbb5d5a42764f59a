// i:reduce(+sum)
float mean_or_zero(int n, const float a[n]) {
  if (n <= 0) return 0.0f;
  float sum = 0.0f;
  for (int i = 0; i < n; i++) sum += a[i];
  return sum / (float)n;
}
