// i:scan(stock:1)
void running_stock(int n, float kept, const float arrived[n], float shown[n]) {
  float stock = 0.0f;
  for (int i = 0; i < n; i++) {
    stock = kept * stock + arrived[i];
    shown[i] = stock;
  }
}
