// i:reduce(min low) j:reduce(min low)
float lowest_below_diagonal(int n, const float a[n][n]) {
  float low = 2;
  for (int i = n - 1; i >= 0; i--)
    for (int j = 0; j < i; j++)
      if (a[i][j] <= low) low = a[i][j];
  return low;
}
