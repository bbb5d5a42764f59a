// i:parallel induction(k)
void count_then_look(int n, float b[n], const float a[n + 2]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    if (k++ < n / 2 && a[k] > 0)
      b[i] = a[k];
    else
      b[i] = 2;
  }
}
