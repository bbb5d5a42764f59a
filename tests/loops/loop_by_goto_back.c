// refused
void loop_by_goto_back(int n, float a[n]) {
  int i = 0;
again:
  if (i < n) {
    a[i] = 0.0f;
    i++;
    goto again;
  }
}
