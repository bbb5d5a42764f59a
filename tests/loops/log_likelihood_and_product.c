// i:reduce(+score,*odds)
#include <math.h>

double log_likelihood_and_product(int n, const double p[n], double odds_out[1]) {
  double score = 0.0, odds = 1.0;
  for (int i = 0; i < n; i++) {
    double q = 1.0 - p[i];
    score -= log(p[i]);
    odds *= p[i] / q;
  }
  odds_out[0] = odds;
  return score;
}
