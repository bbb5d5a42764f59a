// i:scan(peak:1); i:reduce(max worst)
float worst_drawdown(int n, const float price[n]) {
  float peak = price[0], worst = 0.0f;
  for (int i = 1; i < n; i++) {
    if (price[i] > peak) peak = price[i];
    if (peak - price[i] > worst) worst = peak - price[i];
  }
  return worst;
}
