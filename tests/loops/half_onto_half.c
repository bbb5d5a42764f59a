// i:parallel
void half_onto_half(int n, float a[n]) {
  for (int i = 0; i < n / 2; i++) a[i] += a[i + n / 2];
}
