// i:parallel output(b:1)
void thin_to_half(int n, const int a[n], int b[n / 2 + 1]) {
  for (int i = 0; i < n; i++) b[i / 2] = a[i];
}
