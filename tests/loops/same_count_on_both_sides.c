// i:parallel induction(k)
void same_count_on_both_sides(int n, const float a[n], const float b[n], float out[2 * n]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] > b[i]) {
      out[k++] = a[i];
      out[k++] = b[i];
    } else {
      out[k] = b[i];
      out[k + 1] = a[i];
      k += 2;
    }
  }
}
