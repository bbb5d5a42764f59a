// i:parallel; i:reduce(+sum)
float sum_of_previous(int n, const float a[n], float b[n], float gain) {
  float sum = 0.0f;
  for (int i = 1; i < n; i++) {
    sum += b[i - 1];
    b[i] = gain * a[i];
  }
  return sum;
}
