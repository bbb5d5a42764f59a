// if (b[i] > 0) last[0] = i: the last iteration's value stays
// arguments: n, int last[1] = minus, const float b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: block's last first: if (i < n && b[i] > 0) atomicMax(last, i); => __shared__ int s; if (threadIdx.x == 0) s = -1; __syncthreads(); if (i < n && b[i] > 0) atomicMax(&s, i); __syncthreads(); if (threadIdx.x == 0) atomicMax(last, s);
// wrong race: who comes last: atomicMax(last, i) => *last = i
// wrong value: who comes last, atomic: atomicMax(last, i) => atomicExch(last, i)
// wrong value: the first: atomicMax(last, i) => atomicMin(reinterpret_cast<unsigned*>(last), (unsigned)i)
constexpr int kThreads = 128;
__global__ void planted(int n, int* last, const float* b) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n && b[i] > 0) atomicMax(last, i);
}
