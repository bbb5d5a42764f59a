// i:parallel
void scale_backwards(int n, int last, int step, float alpha, const float x[n], float y[last + 1]) {
  for (int i = 0; i < n; i++) y[last - i * step] += alpha * x[i];
}
