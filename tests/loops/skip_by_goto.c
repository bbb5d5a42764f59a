// i:reduce(+sum) goto
float skip_by_goto(int n, const float a[n]) {
  float sum = 0.0f;
  for (int i = 0; i < n; i++) {
    if (a[i] < 0.0f) goto next;
    if (a[i] > 100.0f) goto next;
    sum += a[i];
  next:;
  }
  return sum;
}
