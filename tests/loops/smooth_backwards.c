// i:scan(x:1,2)
void smooth_backwards(int n, const float d[n], float x[n + 2]) {
  for (int i = n - 1; i >= 0; i--) x[i] = 0.75f * d[i] + 0.5f * x[i + 1] - 0.25f * x[i + 2];
}
