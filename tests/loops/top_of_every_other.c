// i:reduce(max top)
// Of equal zeros the first one's sign is the result's.
float top_of_every_other(int n, const float a[2 * n + 1]) {
  float top = a[0];
  for (int i = 0; i < n; i++)
    if (a[2 * i + 1] > top) top = a[2 * i + 1];
  return top;
}
