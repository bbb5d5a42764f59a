// i:wavefront j:wavefront
#include <math.h>

void cheapest_path(int n, int m, const float cost[n][m], float best[n][m]) {
  for (int i = 1; i < n; i++)
    for (int j = 1; j < m; j++) best[i][j] = cost[i][j] + fminf(best[i - 1][j], best[i][j - 1]);
}
