// i:scatter(out)
void copy_in_chosen_order(int n, const int order[n], const double in[n], double out[n]) {
  for (int i = 0; i < n; i++) {
    int to = order[i];
    out[to] = in[to];
  }
}
