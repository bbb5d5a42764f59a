// i:reduce(+dot) reroll(5)
float dot_by_fives(int n, const float a[n + 4], const float b[n + 4]) {
  float dot = 0.0f;
  for (int i = 0; i < n; i += 5)
    dot += a[i] * b[i] + a[i + 1] * b[i + 1] + a[i + 2] * b[i + 2] + a[i + 3] * b[i + 3] + a[i + 4] * b[i + 4];
  return dot;
}
