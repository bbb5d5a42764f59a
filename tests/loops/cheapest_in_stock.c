// i:reduce(argmin price,item)
int cheapest_in_stock(int n, const int stock[n], const double prices[n]) {
  double price = 1e300;
  int item = -1;
  for (int i = 0; i < n; i++) {
    if (stock[i] > 0 && prices[i] < price) {
      price = prices[i];
      item = i;
    }
  }
  return item;
}
