// i:wavefront j:wavefront
void flat_alignment(int n, int m, int gap, const int *match, int *score) {
  for (int i = 1; i < n; i++)
    for (int j = 1; j < m; j++) {
      int best = score[(i - 1) * m + j - 1] + match[i * m + j];
      if (score[(i - 1) * m + j] - gap > best) best = score[(i - 1) * m + j] - gap;
      if (score[i * m + j - 1] - gap > best) best = score[i * m + j - 1] - gap;
      if (best < 0) best = 0;
      score[i * m + j] = best;
    }
}
