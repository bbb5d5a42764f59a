// i:reduce(max most)
// What is no number is chosen, and then given up for what comes next.
float largest_by_choice(int n, const float a[n + 1]) {
  float most = a[0];
  for (int i = 1; i <= n; i++) most = most > a[i] ? most : a[i];
  return most;
}
