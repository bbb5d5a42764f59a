// i:scan(p:1); i:sequential(q)
void linear_and_rational_recurrence(int n, const double x[n], double p[n], double q[n]) {
  for (int i = 1; i < n; i++) {
    p[i] = p[i - 1] + x[i];
    q[i] = q[i - 1] / (1.0 + q[i - 1] * q[i - 1]) + x[i];
  }
}
