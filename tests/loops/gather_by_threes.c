// i:parallel reroll(3)
void gather_by_threes(int n, const int index[n + 2], int size, const float table[size], float out[n + 2]) {
  for (int i = 0; i < n; i += 3) {
    out[i] = table[index[i]];
    out[i + 1] = table[index[i + 1]];
    out[i + 2] = table[index[i + 2]];
  }
}
