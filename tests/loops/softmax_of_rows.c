// i:parallel j:reduce(max peak)
#include <math.h>

void softmax_of_rows(int n, int m, const float in[n][m], float out[n][m]) {
  for (int i = 0; i < n; i++) {
    float peak = in[i][0], sum = 0.0f;
    for (int j = 1; j < m; j++)
      if (in[i][j] > peak) peak = in[i][j];
    for (int j = 0; j < m; j++) sum += expf(in[i][j] - peak);
    for (int j = 0; j < m; j++) out[i][j] = expf(in[i][j] - peak) / sum;
  }
}
