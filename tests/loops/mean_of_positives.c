// i:reduce(+sum,+count)
float mean_of_positives(int n, const float a[n]) {
  float sum = 0.0f;
  int count = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] > 0.0f) {
      sum += a[i];
      count++;
    }
  }
  return count > 0 ? sum / (float)count : 0.0f;
}
