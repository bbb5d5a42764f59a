// i:scatter(a)
void scatter_plain(int n, int size, const int index[n], const float b[n], float a[size]) {
  for (int i = 0; i < n; i++) a[index[i]] = 2.0f * b[i];
}
