// i:parallel
void median_of_three(int n, const int a[n + 2], int out[n]) {
  for (int i = 0; i < n; i++) {
    int low = a[i] < a[i + 1] ? a[i] : a[i + 1];
    int high = a[i] < a[i + 1] ? a[i + 1] : a[i];
    out[i] = a[i + 2] < low ? low : a[i + 2] > high ? high : a[i + 2];
  }
}
