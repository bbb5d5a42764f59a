// i:parallel
void sort_triples(int n, int a[n][3]) {
  for (int i = 0; i < n; i++) {
    int t[2];
    t[0] = a[i][0] < a[i][1] ? a[i][0] : a[i][1];
    t[1] = a[i][0] < a[i][1] ? a[i][1] : a[i][0];
    a[i][1] = t[1] < a[i][2] ? t[1] : a[i][2];
    a[i][2] = t[1] < a[i][2] ? a[i][2] : t[1];
    a[i][0] = t[0] < a[i][1] ? t[0] : a[i][1];
    a[i][1] = t[0] < a[i][1] ? a[i][1] : t[0];
  }
}
