// i:reduce(max top)
float latest_top(int n, const float a[n + 1]) {
  float top = a[n];
  for (int i = 0; i < n; i++) top = top > a[i] ? top : a[i];
  return top;
}
