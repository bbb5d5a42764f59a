// i:parallel; i:parallel anti(b:1)
void old_and_new_neighbour(int n, const double a[n], double b[n + 1], double c[n]) {
  for (int i = 1; i < n; i++) {
    c[i] = b[i - 1] + b[i + 1];
    b[i] = a[i] * a[i];
  }
}
