// i:scatter(+count); i:reduce(+sum)
long long count_bins_and_sum(int n, int bins, const int bin[n], const int value[n], int count[bins]) {
  long long sum = 0;
  for (int i = 0; i < n; i++) {
    count[bin[i]] += 1;
    sum += value[i];
  }
  return sum;
}
