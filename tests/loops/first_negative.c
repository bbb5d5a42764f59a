// i:exit
int first_negative(int n, const float a[n]) {
  for (int i = 0; i < n; i++)
    if (a[i] < 0.0f) return i;
  return -1;
}
