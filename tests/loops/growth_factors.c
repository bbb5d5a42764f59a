// i:scan(level:1)
void growth_factors(int n, const float rate[n], float level[n]) {
  for (int i = 1; i < n; i++) level[i] = level[i - 1] * (1.0f + rate[i]);
}
