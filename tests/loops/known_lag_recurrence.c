// i:scan(a:3)
// facts: k=3
void known_lag_recurrence(int n, int k, float a[n], const float b[n]) {
  for (int i = k; i < n; i++) a[i] = 0.5f * a[i - k] + b[i];
}
