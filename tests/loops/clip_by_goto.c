// i:parallel goto
void clip_by_goto(int n, float top, const float a[n], float b[n]) {
  for (int i = 0; i < n; i++) {
    float v = a[i];
    if (v <= top) goto store;
    v = top;
  store:
    b[i] = v;
  }
}
