// Loops that a program has in C; loops.cpp makes kernels of them.
#include "filters.h"

void smooth(int n, float out[n], const float in[n + 1]) {
  for (int i = 0; i < n; ++i) out[i] = 0.5f * (in[i] + in[i + 1]);
}

void running_sum(int n, float sum[n], const float in[n]) {
  float total = 0.0f;
  for (int i = 0; i < n; ++i) {
    total += in[i];
    sum[i] = total;
  }
}

float loudest(int n, const float in[n]) {
  float most = 0.0f;
  for (int i = 0; i < n; ++i) {
    const float level = in[i] < 0.0f ? -in[i] : in[i];
    if (level > most) most = level;
  }
  return most;
}
