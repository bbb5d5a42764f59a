// i:parallel induction(j)
void reverse_in_place(int n, float a[n]) {
  for (int i = 0, j = n - 1; i < j; i++, j--) {
    float t = a[i];
    a[i] = a[j];
    a[j] = t;
  }
}
