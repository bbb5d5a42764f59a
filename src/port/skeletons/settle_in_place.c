// i:parallel anti(h:1)
void settle_in_place(int n, float rate, float h[n + 1]) {
  for (int i = 0; i < n; i++) h[i] += rate * (h[i + 1] - h[i]);
}
