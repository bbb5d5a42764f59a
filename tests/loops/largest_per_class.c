// i:scatter(max top)
void largest_per_class(int n, int classes, const int kind[n], const float x[n], float top[classes]) {
  for (int i = 0; i < n; i++)
    if (x[i] > top[kind[i]]) top[kind[i]] = x[i];
}
