// i:sequential(error)
void dither_to_two_levels(int n, const float in[n], float out[n]) {
  float error = 0.0f;
  for (int i = 0; i < n; i++) {
    float wanted = in[i] + error;
    out[i] = wanted > 0.5f ? 1.0f : 0.0f;
    error = wanted - out[i];
  }
}
