#pragma once

#ifdef __cplusplus
extern "C" {
void smooth(int n, float* out, const float* in);
void running_sum(int n, float* sum, const float* in);
float loudest(int n, const float* in);
}
#else
void smooth(int n, float out[n], const float in[n + 1]);
void running_sum(int n, float sum[n], const float in[n]);
float loudest(int n, const float in[n]);
#endif
