// c[y][x] = max(c[y - 1][x], c[y][x - 1]) + b[y][x] for 32 x 32, one diagonal after the other
// arguments: n, float c[1024] = 0, const float b[1024] = mixed
// launches: planted 1
// right: of 64 threads: kThreads = 32 => kThreads = 64
// right: a barrier of the warp: __syncthreads(); => __syncwarp();
// wrong race: missing barrier: __syncthreads(); =>
// wrong race: two diagonals at once: x = d - y; => x = d - y + (y & 1);
// wrong value: last diagonal forgotten: d < 63 => d < 62
// wrong bounds: edge not looked at: y > 0 ? => y >= 0 ?
// wrong value: of the diagonal before: c[y * 32 + x - 1] => c[(y > 0 ? y - 1 : y) * 32 + x - 1]
constexpr int kThreads = 32;
__global__ void planted(int n, float* c, const float* b) {
  for (int d = 0; d < 63; ++d) {
    const int y = threadIdx.x, x = d - y;
    if (y < 32 && x >= 0 && x < 32) {
      const float up = y > 0 ? c[(y - 1) * 32 + x] : 0, left = x > 0 ? c[y * 32 + x - 1] : 0;
      c[y * 32 + x] = max(up, left) + b[y * 32 + x];
    }
    __syncthreads();
  }
}
