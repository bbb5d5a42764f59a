// i:parallel anti(a:1) expand(left:1)
void smooth_in_place(int n, float a[n + 1]) {
  float left = 0.0f;
  for (int i = 0; i < n; i++) {
    float here = a[i];
    a[i] = 0.25f * left + 0.5f * here + 0.25f * a[i + 1];
    left = here;
  }
}
