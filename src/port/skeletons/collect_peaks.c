// i:compact(found)
int collect_peaks(int n, const float signal[n + 2], int place[n]) {
  int found = 0;
  for (int i = 0; i < n; i++)
    if (signal[i + 1] > signal[i] && signal[i + 1] > signal[i + 2]) place[found++] = i + 1;
  return found;
}
