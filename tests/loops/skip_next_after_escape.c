// refused
void skip_next_after_escape(int n, const int code[n], int out[n]) {
  for (int i = 0; i < n; i++) {
    out[i] = code[i];
    if (code[i] == 27) i++;
  }
}
