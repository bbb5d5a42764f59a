// i:sequential(store)
void capped_accumulation(int n, float capacity, const float inflow[n], float level[n]) {
  float store = 0.0f;
  for (int i = 0; i < n; i++) {
    store = store + inflow[i];
    if (store > capacity) store = capacity;
    level[i] = store;
  }
}
