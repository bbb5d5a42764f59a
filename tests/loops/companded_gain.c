// i:parallel
static const float gain[8] = {1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, 8.0f, 12.0f};

void companded_gain(int n, const int code[n], float out[n]) {
  for (int i = 0; i < n; i++) out[i] = code[i] < 0 ? -gain[-code[i] & 7] : gain[code[i] & 7];
}
