// prefix sums of each 32, through shared memory and barriers of the warp
// arguments: n, int a[n] = 0, const int b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// right: barriers of the block: __syncwarp(); => __syncthreads();
// wrong race: no barrier after writing: s[threadIdx.x] = x;\n    __syncwarp(); => s[threadIdx.x] = x;
// wrong race: no barrier after reading: s[threadIdx.x - by];\n    __syncwarp(); => s[threadIdx.x - by];
// wrong divergence: barrier for some: if (lane >= by) x += s[threadIdx.x - by];\n    __syncwarp(); => if (lane >= by) { x += s[threadIdx.x - by]; __syncthreads(); } else __syncwarp();
// wrong divergence: mask without itself: s[threadIdx.x] = x;\n    __syncwarp(); => s[threadIdx.x] = x;\n    __syncwarp(0xffff0000u);
// wrong value: one step less: by < 32 => by < 16
// wrong race: over the warp's begin: lane >= by => (int)threadIdx.x >= by
constexpr int kThreads = 128;
__global__ void planted(int n, int* a, const int* b) {
  __shared__ int s[kThreads];
  const int i = blockIdx.x * kThreads + threadIdx.x, lane = threadIdx.x % 32;
  int x = i < n ? b[i] : 0;
  for (int by = 1; by < 32; by *= 2) {
    s[threadIdx.x] = x;
    __syncwarp();
    if (lane >= by) x += s[threadIdx.x - by];
    __syncwarp();
  }
  if (i < n) a[i] = x;
}
