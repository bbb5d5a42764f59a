// i:parallel
void reverse_copy(int n, const long long a[n], long long b[n]) {
  for (int i = 0; i < n; i++) b[n - 1 - i] = a[i];
}
