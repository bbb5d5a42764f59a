// i:scan(x,y:1)
void rotate_oscillator(int n, float c, float s, float wave[n]) {
  float x = 1.0f, y = 0.0f;
  for (int i = 0; i < n; i++) {
    float turned = c * x - s * y;
    y = s * x + c * y;
    x = turned;
    wave[i] = y;
  }
}
