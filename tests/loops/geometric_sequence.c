// i:scan(x:1)
void geometric_sequence(int n, double ratio, double out[n]) {
  double x = 1.0;
  for (int i = 0; i < n; i++) {
    out[i] = x;
    x *= ratio;
  }
}
