// i:compact(below); i:compact(above)
int split_at_pivot(int n, float pivot, const float a[n], float low[n], float high[n]) {
  int below = 0, above = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] < pivot)
      low[below++] = a[i];
    else
      high[above++] = a[i];
  }
  return below;
}
