// i:scatter(min low)
void lowest_of_each_group(int n, int groups, const int group[n], const float x[n], float low[groups]) {
  for (int i = 0; i < n; i++) low[group[i]] = x[i] <= low[group[i]] ? x[i] : low[group[i]];
}
