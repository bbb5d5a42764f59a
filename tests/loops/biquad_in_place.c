// i:scan(y1:1,2) expand(x1:1) expand(x2:2)
void biquad_in_place(int n, const double c[5], double wave[n]) {
  double x1 = 0.0, x2 = 0.0, y1 = 0.0, y2 = 0.0;
  for (int i = 0; i < n; i++) {
    double x = wave[i];
    double y = c[0] * x + c[1] * x1 + c[2] * x2 - c[3] * y1 - c[4] * y2;
    x2 = x1;
    x1 = x;
    y2 = y1;
    y1 = y;
    wave[i] = y;
  }
}
