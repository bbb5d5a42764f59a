// x[i] = m[i] * x[i - 1] + c[i], x[-1] = 0, as a scan of affine functions in one block
// arguments: n, float x[n] = 0, const float m[n] = signs, const float c[n] = mixed
// launches: planted 1
// right: of 64 threads: kThreads = 256 => kThreads = 64
// right: of 512 threads: kThreads = 256 => kThreads = 512
// wrong value: composed the wrong way round: ak::Affine<float>{b.row[0].m[0] * a.row[0].m[0], b.row[0].m[0] * a.row[0].c + b.row[0].c} => ak::Affine<float>{a.row[0].m[0] * b.row[0].m[0], a.row[0].m[0] * b.row[0].c + a.row[0].c}
// wrong value: identity of a sum: return {1, 0} => return {0, 0}
// wrong value: multiplier of the one before: m[i], c[i] => m[i > 0 ? i - 1 : 0], c[i]
// wrong value: carry forgotten: all(carry) => all(0)
// wrong race: carry without a barrier: __syncthreads();  // carry =>
// wrong value: carry of the first thread: threadIdx.x == kThreads - 1 => threadIdx.x == 0
constexpr int kThreads = 256;
struct Then {
  __device__ ak::Affine<float> operator()(ak::Affine<float> a, ak::Affine<float> b) const { return ak::Affine<float>{b.row[0].m[0] * a.row[0].m[0], b.row[0].m[0] * a.row[0].c + b.row[0].c}; }
  __device__ ak::Affine<float> identity() const { return {1, 0}; }
};
__global__ void planted(int n, float* x, const float* m, const float* c) {
  __shared__ ak::Affine<float> room[ak::kRoom];
  __shared__ float last;
  float carry = 0;
  for (int first = 0; first < n; first += kThreads) {
    const int i = first + threadIdx.x;
    const ak::Affine<float> mine = i < n ? ak::Affine<float>{m[i], c[i]} : ak::Affine<float>{1, 0};
    const ak::Affine<float> all = Then()(ak::block_scan(mine, Then(), room).before, mine);
    const float value = all(carry);
    if (i < n) x[i] = value;
    if (threadIdx.x == kThreads - 1) last = value;
    __syncthreads();  // carry
    carry = last;
    __syncthreads();
  }
}
