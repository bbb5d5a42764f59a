// i:reduce(+trace)
float trace_of_square(int n, const float a[n][n]) {
  float trace = 0.0f;
  for (int i = 0; i < n; i++) trace = trace + a[i][i] * a[i][i];
  return trace;
}
