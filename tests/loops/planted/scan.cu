// a[i] = b[0] + ... + b[i], one pass: each block waits for what lies before it
// arguments: n, float a[n] = 0, const float b[n] = mixed, unsigned flag[blocks] = zeroed, float upto[blocks] = scratch
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// right: fences instead of release and acquire: store_release(flag + blockIdx.x, 1u) => __threadfence(), atomicExch(flag + blockIdx.x, 1u)
// right: a volatile flag and fences: while (load_acquire(flag + blockIdx.x - 1) == 0) pause(); => while (*(volatile unsigned*)(flag + blockIdx.x - 1) == 0) pause(); __threadfence();
// wrong race: missing barrier between read and write: : 0;\n    __syncthreads(); => : 0;
// wrong race: missing barrier after the step: s[threadIdx.x] += left;\n    __syncthreads(); => s[threadIdx.x] += left;
// wrong race: no release: store_release(flag + blockIdx.x, 1u) => atomicExch(flag + blockIdx.x, 1u)
// wrong race: no acquire: load_acquire(flag + blockIdx.x - 1) => *(volatile unsigned*)(flag + blockIdx.x - 1)
// wrong race: flag before the value: upto[blockIdx.x] = before + s[kThreads - 1];\n    store_release(flag + blockIdx.x, 1u); => store_release(flag + blockIdx.x, 1u);\n    upto[blockIdx.x] = before + s[kThreads - 1];
// wrong race: no wait: while (load_acquire(flag + blockIdx.x - 1) == 0) pause(); =>
// wrong value: stale carry: before = upto[blockIdx.x - 1] => before = blockIdx.x > 1 ? upto[blockIdx.x - 2] : 0
// wrong value: sum of the block alone handed on: upto[blockIdx.x] = before + s[kThreads - 1] => upto[blockIdx.x] = s[kThreads - 1]
// wrong value: exclusive: a[i] = carry + s[threadIdx.x] => a[i] = carry + s[threadIdx.x] - b[i]
// wrong value: off by one: threadIdx.x >= by => threadIdx.x > by
// wrong race: carry without a barrier: carry = before;\n  }\n  __syncthreads(); => carry = before;\n  }
// wrong deadlock: waits for itself: load_acquire(flag + blockIdx.x - 1) => load_acquire(flag + blockIdx.x)
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, const float* b, unsigned* flag, float* upto) {
  __shared__ float s[kThreads];
  __shared__ float carry;
  const int i = blockIdx.x * kThreads + threadIdx.x;
  s[threadIdx.x] = i < n ? b[i] : 0;
  __syncthreads();
  for (int by = 1; by < kThreads; by *= 2) {
    const float left = threadIdx.x >= by ? s[threadIdx.x - by] : 0;
    __syncthreads();
    s[threadIdx.x] += left;
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    float before = 0;
    if (blockIdx.x > 0) {
      while (load_acquire(flag + blockIdx.x - 1) == 0) pause();
      before = upto[blockIdx.x - 1];
    }
    upto[blockIdx.x] = before + s[kThreads - 1];
    store_release(flag + blockIdx.x, 1u);
    carry = before;
  }
  __syncthreads();
  if (i < n) a[i] = carry + s[threadIdx.x];
}
