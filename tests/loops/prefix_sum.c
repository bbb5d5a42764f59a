// i:scan(total:1)
void prefix_sum(int n, const int a[n], long long total[n]) {
  for (int i = 1; i < n; i++) total[i] = total[i - 1] + a[i];
}
