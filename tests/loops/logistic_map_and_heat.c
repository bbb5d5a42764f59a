// i:parallel; i:sequential(x)
void logistic_map_and_heat(int n, double rate, double x[n], float heat[n], const float loss[n], const float gain[n]) {
  for (int i = 1; i < n; i++) {
    heat[i] = heat[i] * loss[i];
    x[i] = rate * x[i - 1] * (1.0 - x[i - 1]);
    heat[i] = heat[i] + gain[i];
  }
}
