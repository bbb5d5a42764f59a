// i:scan(y:1) expand(x1:1)
void block_constant_part(int n, const float in[n], float out[n]) {
  float x1 = 0.0f, y = 0.0f;
  for (int i = 0; i < n; i++) {
    y = in[i] - x1 + 0.995f * y;
    x1 = in[i];
    out[i] = y;
  }
}
