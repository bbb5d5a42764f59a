// a[x * 32 + y] = b[y * 32 + x] for 32 x 32, tile by tile; the first n of them
// arguments: n, float a[1024] = 0, const float b[1024] = mixed
// launches: planted 1
// right: of 64 threads: kThreads = 256 => kThreads = 64
// right: without a column more: tile[32][33] => tile[32][32]
// wrong race: missing barrier: __syncthreads(); =>
// wrong value: not turned: tile[x][y] => tile[y][x]
// wrong bounds: tile too small: tile[32][33] => tile[31][33]
constexpr int kThreads = 256;
__global__ void planted(int n, float* a, const float* b) {
  __shared__ float tile[32][33];
  const int x = threadIdx.x % 32;
  for (int y = threadIdx.x / 32; y < 32; y += kThreads / 32) tile[y][x] = b[y * 32 + x];
  __syncthreads();
  for (int y = threadIdx.x / 32; y < 32; y += kThreads / 32) a[y * 32 + x] = tile[x][y];
}
