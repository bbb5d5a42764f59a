// a[i] = b[i] < 0 ? -b[i] : b[i] + 1, 16 bytes at once
// arguments: n, float a[n] = 0, const float b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: through ak::Pack: *reinterpret_cast<const float4*>(b + i) => each(b + i)
// wrong bounds: whole packs only: i + 3 < n => i < n
// wrong value: remainder dropped: for (int k = i; k < n; ++k) => for (int k = i; k + 1 < n; ++k)
// wrong misaligned: off by an element: *reinterpret_cast<const float4*>(b + i) => *reinterpret_cast<const float4*>(b + i + 1)
// wrong value: one side of the if for all: x < 0 ? -x : x + 1 => x + 1
// wrong value: a lane of the pack forgotten: v.w = f(v.w); =>
constexpr int kThreads = 128, kItems = 4;
__device__ float f(float x) { return x < 0 ? -x : x + 1; }
__device__ float4 each(const float* from) {
  const ak::Pack<float> pack = ak::load_pack(from);
  return make_float4(pack.at[0], pack.at[1], pack.at[2], pack.at[3]);
}
__global__ void planted(int n, float* __restrict__ a, const float* __restrict__ b) {
  const int i = (blockIdx.x * kThreads + threadIdx.x) * kItems;
  if (i + 3 < n) {
    float4 v = *reinterpret_cast<const float4*>(b + i);
    v.x = f(v.x);
    v.y = f(v.y);
    v.z = f(v.z);
    v.w = f(v.w);
    *reinterpret_cast<float4*>(a + i) = v;
  } else {
    for (int k = i; k < n; ++k) a[k] = f(b[k]);
  }
}
