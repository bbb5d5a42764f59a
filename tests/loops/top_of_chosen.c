// i:reduce(max top)
float top_of_chosen(int n, int count, const int chosen[n], const float x[count]) {
  float top = x[0];
  for (int i = 0; i < n; i++)
    if (x[chosen[i]] > top) top = x[chosen[i]];
  return top;
}
