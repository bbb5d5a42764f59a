// i:scan(up:1); i:scan(down:1)
void relative_strength(int n, const float price[n], float strength[n]) {
  float up = 1.0f, down = 1.0f;
  for (int i = 1; i < n; i++) {
    float change = price[i] - price[i - 1];
    up = (up * 13.0f + (change > 0.0f ? change : 0.0f)) / 14.0f;
    down = (down * 13.0f + (change < 0.0f ? -change : 0.0f)) / 14.0f;
    strength[i] = 100.0f - 100.0f / (1.0f + up / down);
  }
}
