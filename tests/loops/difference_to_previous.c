// i:parallel expand(previous:1)
void difference_to_previous(int n, float first, const float a[n], float d[n]) {
  float previous = first;
  for (int i = 0; i < n; i++) {
    d[i] = a[i] - previous;
    previous = a[i];
  }
}
