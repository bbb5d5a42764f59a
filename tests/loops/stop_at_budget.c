// i:sequential(spent)
int stop_at_budget(int n, const float cost[n], float budget) {
  float spent = 0.0f;
  for (int i = 0; i < n; i++) {
    spent += cost[i];
    if (spent > budget) return i;
  }
  return n;
}
