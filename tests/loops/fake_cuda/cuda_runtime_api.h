/* What a ported function's test and benchmark need of the CUDA runtime, without a GPU: memory is the host's, all work is done
   at once. */
#pragma once

#include <stdlib.h>
#include <string.h>

typedef enum { cudaSuccess = 0, cudaErrorInvalidValue = 1 } cudaError_t;
typedef enum { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost } cudaMemcpyKind;
typedef void* cudaStream_t;
typedef void* cudaEvent_t;

static inline cudaError_t cudaMalloc(void** to, size_t bytes) {
  return (*to = malloc(bytes + 1)) ? cudaSuccess : cudaErrorInvalidValue;
}
static inline cudaError_t cudaFree(void* data) { return free(data), cudaSuccess; }
static inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  (void)kind, (void)stream;
  return memcpy(to, from, bytes), cudaSuccess;
}
static inline cudaError_t cudaStreamCreate(cudaStream_t* stream) { return *stream = 0, cudaSuccess; }
static inline cudaError_t cudaStreamDestroy(cudaStream_t stream) { return (void)stream, cudaSuccess; }
static inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return (void)stream, cudaSuccess; }
static inline cudaError_t cudaEventCreate(cudaEvent_t* event) { return *event = 0, cudaSuccess; }
static inline cudaError_t cudaEventDestroy(cudaEvent_t event) { return (void)event, cudaSuccess; }
static inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return (void)event, (void)stream, cudaSuccess;
}
static inline cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
  (void)from, (void)to;
  return *ms = 1, cudaSuccess;
}
static inline const char* cudaGetErrorString(cudaError_t error) { return error ? "invalid argument" : "no error"; }
static inline const char* cudaGetErrorName(cudaError_t error) { return error ? "cudaErrorInvalidValue" : "cudaSuccess"; }
