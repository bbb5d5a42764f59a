// i:scan(integral:1)
void trapezoid_rule(int n, const double x[n], const double f[n], double integral[n]) {
  integral[0] = 0.0;
  for (int i = 1; i < n; i++) integral[i] = integral[i - 1] + 0.5 * (x[i] - x[i - 1]) * (f[i] + f[i - 1]);
}
