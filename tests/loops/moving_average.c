// i:scan(sum:1)
void moving_average(int n, int width, const float x[n + width], float y[n]) {
  float sum = 0.0f;
  for (int i = 0; i < n; i++) {
    sum += x[i + width] - x[i];
    y[i] = sum / (float)width;
  }
}
