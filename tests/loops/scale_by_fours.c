// i:parallel reroll(4)
void scale_by_fours(int n, float s, const float a[n], float b[n]) {
  for (int i = 0; i + 3 < n; i += 4) {
    b[i] = s * a[i];
    b[i + 1] = s * a[i + 1];
    b[i + 2] = s * a[i + 2];
    b[i + 3] = s * a[i + 3];
  }
}
