// i:reduce(+loud)
int loud;
void count_loud_samples(int n, const float in[n], float limit) {
  for (int i = 0; i < n; i++)
    if (in[i] > limit || in[i] < -limit) loud++;
}
