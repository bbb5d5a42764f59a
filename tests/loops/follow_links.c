// i:sequential(at)
void follow_links(int n, int size, int first, const int next[size], int visited[n]) {
  int at = first;
  for (int i = 0; i < n; i++) {
    visited[i] = at;
    at = next[at];
  }
}
