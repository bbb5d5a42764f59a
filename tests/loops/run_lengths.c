// i:scan(run:1)
void run_lengths(int n, const int a[n], int length[n]) {
  int run = 1;
  for (int i = 1; i < n; i++) {
    run = a[i] == a[i - 1] ? run + 1 : 1;
    length[i] = run;
  }
}
