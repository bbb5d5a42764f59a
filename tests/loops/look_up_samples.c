// i:parallel
void look_up_samples(int n, int size, const int index[n], const float table[size], float out[n]) {
  for (int i = 0; i < n; i++) out[i] = table[index[i]];
}
