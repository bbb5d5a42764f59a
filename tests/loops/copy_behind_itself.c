// i:parallel
void copy_behind_itself(int n, float a[2 * n]) {
  for (int i = 0; i < n; i++) a[n + i] = a[i];
}
