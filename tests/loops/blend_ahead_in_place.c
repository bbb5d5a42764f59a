// i:parallel anti(a:1) anti(a:3)
void blend_ahead_in_place(int n, float weight, float a[n + 3]) {
  for (int i = 0; i < n; i++) a[i] = weight * a[i + 1] + (1.0f - weight) * a[i + 3];
}
