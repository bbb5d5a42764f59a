// refused
void scale_short_samples(int n, const short in[n], float out[n]) {
  for (int i = 0; i < n; i++) out[i] = in[i] / 32768.0f;
}
