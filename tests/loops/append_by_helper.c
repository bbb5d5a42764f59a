// i:compact(k)
// The place is found before the helper counts.
static void append(float *place, int *count, float value) {
  *count += 1;
  *place = value;
}

int append_by_helper(int n, float out[n + 1], const float a[n]) {
  int k = 0;
  for (int i = 0; i < n; i++)
    if (a[i] > 0) append(&out[k], &k, a[i]);
  return k;
}
