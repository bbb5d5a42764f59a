// i:scan(z1,z2:1)
void transposed_biquad(int n, const float b[3], const float in[n], float out[n], float state[2]) {
  float z1 = state[0], z2 = state[1];
  for (int i = 0; i < n; i++) {
    float x = in[i];
    float y = b[0] * x + z1;
    z1 = b[1] * x + 1.5f * y + z2;
    z2 = b[2] * x - 0.75f * y;
    out[i] = y;
  }
  state[0] = z1;
  state[1] = z2;
}
