// i:scatter(+votes)
void votes_by_party(int n, int parties, const int party[n], const int cast[n], int votes[parties]) {
  for (int i = 0; i < n; i++) votes[party[i]] += cast[i];
}
