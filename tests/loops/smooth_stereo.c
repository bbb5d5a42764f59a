// i:scan(y:2)
void smooth_stereo(int n, float keep, const float x[n], float y[n]) {
  for (int i = 2; i < n; i++) y[i] = keep * y[i - 2] + (1.0f - keep) * x[i];
}
