// i:parallel expand(last:1) expand(older:2)
void smooth_in_place_by_copies(int n, float a[n]) {
  float last = 0.0f, older = 0.0f;
  for (int i = 0; i < n; i++) {
    float now = a[i];
    a[i] = 0.5f * now + 0.25f * last + 0.25f * older;
    older = last;
    last = now;
  }
}
