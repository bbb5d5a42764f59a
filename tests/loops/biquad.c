// i:scan(y1:1,2) expand(x1:1) expand(x2:2)
void biquad(int n, const float c[5], const float in[n], float out[n]) {
  float x1 = 0.0f, x2 = 0.0f, y1 = 0.0f, y2 = 0.0f;
  for (int i = 0; i < n; i++) {
    float y = c[0] * in[i] + c[1] * x1 + c[2] * x2 - c[3] * y1 - c[4] * y2;
    x2 = x1;
    x1 = in[i];
    y2 = y1;
    y1 = y;
    out[i] = y;
  }
}
