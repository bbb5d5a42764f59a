// i:exit anti(a:1)
void pull_until_marker(int n, int a[n + 1]) {
  for (int i = 0; i < n; i++) {
    if (a[i + 1] == 0) break;
    a[i] = a[i + 1];
  }
}
