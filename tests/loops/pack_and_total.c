// i:compact(k); i:reduce(+total)
float pack_and_total(int n, const float price[n], const int sold[n], float list[n]) {
  int k = 0;
  float total = 0.0f;
  for (int i = 0; i < n; i++) {
    if (sold[i] > 0) list[k++] = price[i];
    total += price[i] * (float)sold[i];
  }
  return total;
}
