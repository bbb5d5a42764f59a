// i:parallel; i:parallel
void mirror_in_place(int n, float gain, float a[n]) {
  for (int i = 0; i < n; i++) a[i] = gain * a[n - 1 - i];
}
