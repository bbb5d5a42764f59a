#include "gate_texts.hpp"

#include <string>

namespace ak::test {

std::string gate_text(const GateText& of) {
  const std::string text = of.text;
  if (text.find("BODY") == text.npos) return text;
  std::string whole = "extern \"C\" __global__ void __launch_bounds__(256) scaled_1_(" + std::string(kGateParameters) + ") {\n";
  const auto at = text.find("BODY");
  return text.substr(0, at) + whole + text.substr(at + 4) + "\n}\n";
}

const std::vector<GateText>& good_gate_texts() {
  static const std::vector<GateText> texts{
      {"one thread an element", "BODY const int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = a * x[i];", ""},
      {"grid stride",
       "// y = a * x, \xc3\xa0 la carte: what? why?\nBODY for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += "
       "gridDim.x * blockDim.x)\n"
       "#pragma unroll 4\n for (int k = 0; k < 1; ++k) y[i + k] = fmaf(a, x[i + k], 0.0f);",
       ""},
      {"vectors of a pointer's",
       "BODY const float4* x4 = ak::as<float4>(x); float4* y4 = ak::as<float4>(y);\n"
       "for (int i = threadIdx.x; i < n / 4; i += blockDim.x) { float4 v = __ldg(&x4[i]); v.x *= a, v.y *= a; v.z *= a; v.w *= "
       "a; y4[i] = v; }",
       ""},
      {"a vector behind a pointer", "BODY if (n > 8) { const float4 v = *ak::as<float4>(x + 4 * 1); y[0] = v.x + v.w; }", ""},
      {"a function and a constant",
       "constexpr int kTile = 256;\n__device__ __forceinline__ float scale(float v, float by) { return v * by; }\n"
       "BODY __shared__ float tile[kTile]; const int i = threadIdx.x; tile[i] = i < n ? x[i] : 0.0f; __syncthreads();\n"
       "if (i < n) y[i] = scale(tile[i], a);",
       ""},
      {"a template and an operator",
       "struct Larger {\n  __device__ float operator()(float a, float b) const { return b > a ? b : a; }\n"
       "  __device__ float identity() const { return -ak::largest<float>(); }\n};\n"
       "template <class T, class Op>\n__device__ inline T twice(T v, Op op) { return op(v, static_cast<T>(v)); }\n"
       "BODY __shared__ float room[ak::kRoom]; const float most = ak::block_reduce(x[0], Larger(), room);\n"
       "if (threadIdx.x == 0) y[0] = twice(most, Larger{});",
       ""},
      {"a template of a number",
       "template <int kSize>\n__device__ float sum_of(const float* from) {\n  float s = 0;\n#pragma unroll\n  for (int i = 0; "
       "i < kSize; ++i) s += from[i];\n  return s;\n}\n"
       "BODY if (n >= 8) y[0] = sum_of<8>(x);",
       ""},
      {"lambdas",
       "BODY const auto at = [&](int i) { return a * x[i]; }; const auto put = [=](int i) -> void { y[i] = at(i); };\n"
       "for (int i = threadIdx.x; i < n; i += blockDim.x) put(i);",
       ""},
      {"bindings", "BODY auto [before, total] = ak::warp_scan(x[0], ak::Add<float>()); y[0] = before + total; (void)a;", ""},
      {"warps by hand",
       "BODY float v = threadIdx.x < n ? x[threadIdx.x] : 0.f;\nfor (int o = 16; o > 0; o >>= 1) v += "
       "__shfl_down_sync(0xffffffffu, v, o);\n"
       "if ((threadIdx.x & 31) == 0) atomicAdd(&y[0], v);",
       ""},
      {"a look-back",
       "BODY __shared__ unsigned ticket[ak::kRoom]; const unsigned tile = ak::take_ticket(ak::as<unsigned>(flags_), ticket); "
       "y[tile] "
       "= a;",
       ""},
      {"dynamic shared memory",
       "BODY extern __shared__ float tile[]; tile[threadIdx.x] = a; __syncthreads(); y[threadIdx.x] = tile[0];", ""},
      {"a switch and a while",
       "BODY int i = n; while (i-->0) { switch (i & 3) { case 0: y[i] = a; break; case 1: [[fallthrough]]; default: y[i] = "
       "x[i]; } }\n"
       "do { --n; } while (n > 0);",
       ""},
      {"leaving two loops",
       "BODY for (int i = 0; i < n; ++i) for (int k = 0; k < n; ++k) if (x[i] > x[k]) { y[i] = a; goto done; }\ndone:\nif (n > "
       "0) y[n - 1] = a;",
       ""},
      {"an operator of values",
       "struct Pair {\n  float s, c;\n  __device__ Pair operator+(const Pair& o) const { return {s + o.s, c + o.c}; }\n};\n"
       "BODY Pair p{x[0], 1.0f}, q = {a, 2.0f}; p = p + q; y[0] = p.s / p.c;",
       ""},
      {"a static constant",
       "BODY static constexpr float kWeights[3] = {0.25f, 0.5f, 0.25f}; for (int k = 0; k < 3 && k < n; ++k) y[k] = "
       "kWeights[k] * x[k];",
       ""},
      {"names of functions",
       "BODY float max = x[0]; for (int i = 1; i < n; ++i) max = x[i] > max ? x[i] : max; y[0] = min(max, a); const float "
       "free_ = 1e-3f; y[1] = free_;",
       ""},
      {"a static_assert and using",
       "using real = float;\nstatic_assert(sizeof(real) == 4);\nBODY const real v = x[0]; y[0] = (real)n * v; y[1] = real(2) + "
       "(float)n;",
       ""},
      {"packs",
       "BODY if (ak::aligned16(x) && n >= 4) { const ak::Pack<float> p = ak::load_pack(x); y[0] = p.at[0] + "
       "ak::Pack<float>::kCount; }",
       ""},
      {"if with else and no braces",
       "BODY for (int i = threadIdx.x; i < n; i += blockDim.x) if (x[i] > 0) y[i] = x[i]; else if (x[i] < -1) y[i] = -i; else "
       "y[i] = i;",
       ""},
      {"an array by reference",
       "__device__ float sum(const float (&v)[4]) { return v[0] + v[1] + v[2] + v[3]; }\n"
       "BODY float b[4]; for (int k = 0; k < 4; ++k) b[k] = k < n ? x[k] : 0; float4 w = make_float4(b[0], b[1], 0, 0);\n"
       "if (n > 0) y[0] = sum(b) + w.x + sizeof(b);",
       ""},
      {"an array by reference to a template",
       "template <int kMany>\n__device__ float sum(const float (&v)[kMany]) {\n  float s = 0;\n  for (int i = 0; i < kMany; "
       "++i) s "
       "+= v[i];\n  return s;\n}\nBODY float b[3] = {a, a, a}; if (n > 0) [[likely]] { const float c = sum<3>(b); y[0] = c + "
       "sum(b); }",
       ""},
      {"an array as long as two together",
       "constexpr int kTile = 2048, kEdge = 128;\nBODY __shared__ float s[kTile + kEdge + 4 * (kEdge + 1)]; s[threadIdx.x] = a; y[0] = s[threadIdx.x];", ""},
      {"packs of its own", "BODY float b[8]; if (n >= 4) { ak::load16(b, 4, x); b[4] *= a; ak::store16(y, b, 4); }", ""},
      {"a matrix of its own", "BODY float b[2][2] = {{1, 2}, {3, 4}}; const int i = n & 1; y[i] = b[i][1 - i];", ""},
      {"shared memory by its address",
       "BODY __shared__ int counts[64]; __shared__ int all; if (threadIdx.x < 64) counts[threadIdx.x] = 0; if (threadIdx.x == "
       "0) "
       "all = 0;\n__syncthreads(); atomicAdd(&counts[n & 63], 1); atomicAdd(&all, 1); int* const second = counts + 1; "
       "__syncthreads(); y[0] = second[0] + all;",
       ""},
      {"parts of dynamic shared memory",
       "BODY extern __shared__ double tile[]; float* const rest = ak::as<float>(tile + 32); rest[threadIdx.x] = a; "
       "__syncthreads(); y[threadIdx.x] = rest[0] + tile[0];",
       ""},
      {"the best and where it is",
       "struct Best {\n  float value;\n  int index;\n};\nstruct Better {\n  __device__ static bool less(float v, float w) { "
       "return v < w; }\n  __device__ Best operator()(Best a, Best b) const { return less(a.value, b.value) || (b.value == "
       "a.value "
       "&& b.index < a.index) ? b : a; }\n  __device__ Best identity() const { return {-ak::largest<float>(), 0}; }\n};\n"
       "BODY __shared__ Best room[ak::kRoom]; Best mine{x[0], 0}; const Better better; for (int i = 1; i < n; ++i) mine = "
       "better(mine, Best{x[i], i});\nmine = ak::block_reduce(mine, better, room); y[0] = mine.value;",
       ""},
      {"an operator that has the struct's values",
       "struct Sum {\n  float s;\n  int n;\n  __device__ Sum operator+(const Sum& o) const { Sum r = o; r.s += s; r.n = n + "
       "o.n; "
       "return r.n > 0 ? r : o; }\n  __device__ Sum operator+=(float v) { s += v; return {s, n}; }\n};\n"
       "struct Join {\n  __device__ Sum operator()(Sum a, Sum b) const { return a + b; }\n  __device__ Sum identity() const { "
       "return Sum{0, 0}; }\n};\nBODY Sum all = ak::warp_reduce(Sum{x[0], 1}, Join()); y[0] = all.s / all.n;",
       ""},
      {"a lambda that returns",
       "BODY const auto at = [=](int i) -> float { return x[i]; }; y[0] = a && !n ? at(0) : float(n) + (a);", ""},
      {"const behind",
       "extern \"C\" __global__ void scaled_1_(int count, float* out, float const* __restrict__ in, float by, int* const "
       "flags) { if (threadIdx.x == 0 && count > 0) out[0] = in[0] * by + flags[0]; }",
       ""},
  };
  return texts;
}

const std::vector<GateText>& hostile_gate_texts() {
  static const std::string large = "BODY y[0] = 0" + [] {
    std::string all;
    for (int i = 0; i < 1500; ++i) all += " + a";
    return all + ";";
  }();
  static const std::string longer(17 << 10, ' '),
      deep = "BODY y[0] = " + std::string(3000, '(') + "a" + std::string(3000, ')') + ";",
      unary = "BODY y[0] = " + std::string(3000, '!') + "a;";
  static const std::string nested = [] {
    std::string all = "BODY ";
    for (int i = 0; i < 100; ++i) all += "if (n)";
    return all + ";";
  }();
  static const std::string choices = [] {
    std::string all = "BODY y[0] = ";
    for (int i = 0; i < 200; ++i) all += "a?a:";
    return all + "a;";
  }();
  static const std::vector<GateText> texts{
      // What compilers do before they read.
      {"an include", "#include \"/etc/passwd\"\nBODY", "'#': no preprocessor"},
      {"a define", "#define int long\nBODY", "'#': no preprocessor"},
      {"another pragma", "#pragma GCC poison x\nBODY", "'#': no preprocessor"},
      {"a pragma of its own line number", "#line 7 \"kernel\"\nBODY", "'#': no preprocessor"},
      {"unrolled for ever", "BODY\n#pragma unroll 1000000\nfor (;;);", "one number from 1 to 128"},
      {"a directive by a digraph", "%:include <stdio.h>\nBODY", "'%:': no digraphs"},
      {"brackets by digraphs", "BODY int b<:4:>; y[0] = b<:0:>;", "'<:': no digraphs"},
      {"a directive by a trigraph",
       "?"
       "?=include <stdio.h>\nBODY",
       "no trigraphs"},
      {"a spliced comment", "BODY // hidden \\\ny[0] = a;", "'\\': no backslash"},
      {"a spliced word", "BODY as\\\nm(1);", "'\\': no backslash"},
      {"a universal name", "BODY float \\u0061sm = a;", "'\\': no backslash"},
      {"letters beyond ASCII",
       "BODY float gr\xc3\xb6\xc3\x9f"
       "e = a;",
       "names have ASCII's letters alone"},
      {"a nul", "BODY y[0] = a; \x01", "no control characters"},
      {"a pragma operator", "BODY _Pragma(\"once\")", "'_Pragma'"},
      {"a comment without an end", "BODY /* y[0] = a;", "'/*': the comment does not end"},
      // Words.
      {"inline assembly", "BODY asm volatile(\"trap;\");", "'asm': no inline assembly"},
      {"assembly by another name", "BODY __asm__(\"trap;\");", "no inline assembly"},
      {"assembly outside", "asm(\".global f\");\nBODY", "'asm': no inline assembly"},
      {"a string", "BODY const char* s = \"text\";", "no strings"},
      {"a character", "BODY y[0] = 'x';", "no strings and no characters"},
      {"a raw string", "BODY y[0] = sizeof(R\"(*/)\");", "'R'"},
      {"a literal of its own", "BODY y[0] = 1_km;", "'1_km': no such number"},
      {"an operator for literals", "BODY y[0] = 1.0_x;", "no such number"},
      {"printf", "BODY printf(n);", "'printf': kernels print nothing"},
      {"printf as a name of its own", "__device__ int printf(int n) { return n; }\nBODY y[0] = printf(n);",
       "a name that is taken"},
      {"malloc", "BODY float* p = (float*)malloc(n);", "no allocation"},
      {"malloc as a member's name", "struct S { int malloc; };\nBODY y[0] = malloc(n);", "a name that is taken"},
      {"new", "BODY float* p = new float[n];", "'new': no allocation"},
      {"delete", "BODY delete y;", "'delete': no allocation"},
      {"alloca", "BODY y[0] = *(float*)alloca(64);", "no allocation"},
      {"assert", "BODY assert(n > 0);", "'assert': kernels check nothing"},
      {"a clock", "BODY y[0] = clock64();", "'clock64': kernels ask no clock"},
      {"sleep", "BODY __nanosleep(1000000000);", "'__nanosleep': kernels wait"},
      {"a trap", "BODY __trap();", "'__trap'"},
      {"a compiler's own function", "BODY __builtin_trap();", "'__builtin_trap': it is neither declared"},
      {"a compiler's attribute", "BODY __attribute__((aligned(64))) float b = a;", "'__attribute__'"},
      {"a standard attribute", "BODY [[gnu::noinline]] float b = a;", "are the only attributes"},
      {"an attribute of a file", "[[gnu::alias]] __device__ int f() { return 0; }\nBODY", "are the only attributes"},
      {"a library", "BODY y[0] = std::max(a, x[0]);", "'std': there is no standard library"},
      {"a library of CUDA", "BODY auto g = cooperative_groups::this_grid(); g.sync();", "no cooperative groups"},
      {"dynamic parallelism", "BODY scaled_1_<<<1, 1>>>(n, y, x, a, flags_);", "kernels are not called"},
      {"a launch of another", "BODY cudaLaunchKernel(n);", "'cudaLaunchKernel': kernels call nothing"},
      {"a function of the C library", "BODY system(n);", "'system': it is neither declared"},
      {"a global name", "BODY y[0] = ::fabs(a);", "'::': only ak::NAME"},
      {"an inner name of the prelude's", "BODY y[0] = ak::each_word(a, [](unsigned w) { return w; });",
       "the prelude has no such function"},
      {"the emulator's own", "BODY ak_trap(1);", "'ak_trap': it is neither declared"},
      {"the emulator's macros", "BODY AK_UNSEEN float b = a;", "'AK_UNSEEN'"},
      {"names of the compiler's", "BODY y[0] = __COUNTER__;", "'__COUNTER__'"},
      {"volatile", "BODY volatile float v = a;", "'volatile': no volatile"},
      {"exceptions", "BODY try { y[0] = a; } catch (...) {}", "no exceptions"},
      {"a coroutine", "BODY co_return;", "'co_return'"},
      // What lasts, and what is linked.
      {"a device variable", "__device__ int calls;\nBODY y[0] = calls++;", "no variables outside of functions"},
      {"a variable", "int calls = 0;\nBODY y[0] = calls++;", "no variables outside of functions"},
      {"a shared variable outside", "__shared__ int calls;\nBODY", "no variables outside"},
      {"a constant of the device", "__constant__ float table[4];\nBODY", "'__constant__': no variables"},
      {"a static local", "BODY static int calls = 0; y[0] = calls++;", "nothing lasts from call to call"},
      {"a thread's own", "BODY thread_local int calls = 0;", "no variables outside"},
      {"a C function that is elsewhere", "extern \"C\" int system(const char* command);\nBODY", "extern is for kernels"},
      {"a block of C", "extern \"C\" { int abort(); }\nBODY", "extern is for kernels"},
      {"an external function", "extern int system(int);\nBODY", "extern is for kernels"},
      {"a function without a body", "__device__ float f(float v);\nBODY y[0] = f(a);", "a function has its body here"},
      {"a function declared within", "BODY void* malloc_of(size_t bytes); y[0] = a;",
       "no functions are declared within functions"},
      {"a kernel within a kernel", "BODY extern \"C\" __global__ void scaled_1_(int n);", "extern is for kernels"},
      {"a kernel's word within", "BODY __global__ int b = 1;", "'__global__': a kernel is extern"},
      {"an external variable within", "BODY extern int errno_; y[0] = errno_;", "extern is for kernels and shared memory"},
      {"a constructor before all", "struct S { __device__ S() {} };\nBODY", "no constructors"},
      {"a namespace", "namespace ak { __device__ int f() { return 0; } }\nBODY", "'namespace': no namespaces"},
      {"what closes another's namespace", "}\nBODY", "it closes nothing"},
      {"what closes the kernel", "BODY } } int x = 0; namespace { void f() {", "it closes nothing"},
      // Pointers of numbers.
      {"an integer as a pointer", "BODY const long long p = 4096; *(int*)p = 1;", "no casts to pointers"},
      {"a literal as a pointer", "BODY *(int*)0x1000 = 1;", "no casts to pointers"},
      {"an element as a pointer", "BODY *(int*)flags_[0] = 1;", "no casts to pointers"},
      {"a difference as a pointer", "BODY *(int*)(x - y) = 1;", "no casts to pointers"},
      {"a choice of a number as a pointer", "BODY *(int*)(x + 1, 4096) = 1;", "no casts to pointers"},
      {"a cast of any bits", "BODY *reinterpret_cast<int*>(4096) = 1;", "'reinterpret_cast'"},
      {"a cast of a constant", "BODY *const_cast<float*>(x) = 1;", "'const_cast'"},
      {"a static cast to a pointer", "BODY float* p = static_cast<float*>(y);", "no casts to pointers"},
      {"a pointer by a name for it", "using P = float*;\nBODY y[0] = *P(4096);", "no pointer and no array"},
      {"a pointer by a template",
       "template <class T> __device__ T of(long long v, T) { return T(v); }\nBODY y[0] = *of(4096, y);",
       "static_cast<T>(x) is the only cast"},
      {"a pointer by a template's cast",
       "template <class T> __device__ T of(long long v, T) { return (T)v; }\nBODY y[0] = *of(4096, y);",
       "static_cast<T>(x) is the only cast"},
      {"a pointer as a template's argument", "BODY y[0] = *ak::Add<float*>().identity();", "no casts to pointers"},
      {"a union", "union U { long long i; float* p; };\nBODY", "'union': no unions"},
      {"the prelude's union", "BODY ak::Words<float> w; w.word[0] = 1;", "the prelude has no such function"},
      {"a struct with a pointer", "struct S { float* p; };\nBODY", "members are values"},
      {"a shadowed pointer", "BODY { long long x = 4096; y[0] = *(float*)x; }", "no casts to pointers"},
      {"a loop's pointer beyond it", "BODY long long p = 1; for (float* p = y; n < 0;) n = 1; y[0] = *(float*)p;",
       "no casts to pointers"},
      {"a function's address", "BODY void (*f)(int) = 0; f(1);", "a name without brackets is expected"},
      {"a cast of a pointer", "BODY const float4* v = (const float4*)x; y[0] = v[0].x;", "ak::as<float4>(a)"},
      {"a pointer by another name for a template's T",
       "template <class T> __device__ T of(long long v, T) { using P = T; return (P)v; }\nBODY y[0] = *of(4096, y);",
       "no other name for a template's parameter"},
      {"the same through a struct", "template <class T> struct S { using P = T; T v; };\nBODY", "no using within a struct"},
      {"a negative number as a template's T", "template <class T> __device__ T of(T) { return (T)-4096; }\nBODY y[0] = *of(y);",
       "static_cast<T>(x) is the only cast"},
      {"a pointer to nothing in particular", "BODY void* p = y; y[0] = *static_cast<float*>(p);", "no pointers to it"},
      {"the same, const", "BODY const void* p = x; y[0] = p == x;", "no pointers to it"},
      {"the same, const behind", "BODY void const* p = x; y[0] = p == x;", "no pointers to it"},
      {"the same by a template's T", "template <class T> __device__ T* of(T* p) { return p; }\nBODY y[0] = of<void>(y) == y;",
       "no pointers to it"},
      {"memory under two types", "BODY extern __shared__ long long at[]; { extern __shared__ float held[]; held[0] = at[0]; }",
       "one name and one type"},
      {"memory under a template's type",
       "template <class T> __device__ T of(T v) { extern __shared__ T at[]; at[0] = v; return at[0]; }\nBODY y[0] = *of(y);",
       "whose type is written"},
      {"pointers in shared memory", "BODY __shared__ float* at[32]; y[0] = at[0][0];", "no arrays of pointers"},
      {"a pointer in dynamic shared memory", "BODY extern __shared__ float* at[]; y[0] = at[0][0];", "of numbers"},
      {"a pointer without a value", "BODY float* p; if (n < 0) p = y; *p = a;", "a pointer has its value"},
      {"pointers without a value", "BODY float* p[4]; *p[n] = a;", "no arrays of pointers"},
      {"a number by for over its elements", "BODY const float b[2] = {0, 1}; for (long long x : b) y[0] = x;",
       "no for over the elements"},
      {"one that is declared in a condition", "BODY while (long long p = 4096) { *(float*)p = 1; }", "no casts to pointers"},
      {"the same in if", "BODY if (long long q = 1; long long x = 4096) y[0] = *(float*)x;", "no casts to pointers"},
      {"a name in brackets", "BODY long long (x) = 4096; y[0] = x;", "a name without brackets is expected"},
      {"an array's name in brackets", "BODY float (b)[4] = {}; float* p = y; y[0] = p[0];", "a name without brackets"},
      {"a name behind a template's call",
       "template <class T, int k> __device__ T of(T v) { return v; }\nBODY int i = of<int, 4>(n), b[4] = {}; float* p = b;",
       "used by its elements"},
      {"a name that is a lambda's", "BODY auto f = [](long long y) { return *(float*)y; }; x[0] == f(4096);",
       "no casts to pointers"},
      {"a lambda for any type", "BODY auto f = []<class T>(T v) { return v; }; y[0] = f(a);", "'class'"},
      {"a type that is hidden", "using real = float;\nBODY int real = 4; y[0] = (real)-n;", "a type has that name"},
      {"a template's T as another type",
       "template <class T> __device__ T of(const T* p) { return *ak::as<T>(p); }\nBODY y[0] = of(x);",
       "not of a template's parameter"},
      {"an array as pointers", "BODY y[0] = **ak::as<float*>(flags_);", "of numbers, vectors and structs of them"},
      {"an array as what is not said", "BODY y[0] = *ak::as(x);", "the type is written"},
      {"memory under two types, aligned",
       "BODY alignas(16) extern __shared__ long long at[]; { alignas(16) extern __shared__ float held[]; held[0] = at[0]; }",
       "one name and one type"},
      {"no pointer at all", "BODY float* p = nullptr; p[1024] = a;", "no null pointers"},
      {"the same as a number", "BODY float* p = 0; p[1024] = a;", "no null pointers"},
      {"the same by braces", "BODY float* p{}; p[1024] = a;", "no null pointers"},
      {"a variable in a condition behind a block", "BODY float* p = y; if (n) { } while (const float* p = x) y[0] = p[0];",
       "no declaration is expected here"},
      {"a function as a value",
       "__device__ float f(const float* v) { return v[9]; }\ntemplate <class T> __device__ float g(T h) { float b[4] = {}; T "
       "all[2] "
       "= {h, h}; return all[0](b); }\nBODY y[0] = g(f);",
       "used by its elements"},
      {"the same alone",
       "__device__ float f(const float* v) { return v[0]; }\ntemplate <class T> __device__ float g(T h, const float* x) { "
       "return "
       "h(x); }\nBODY y[0] = g(f, x);",
       "functions are called, and no values"},
      {"a struct's function as a value",
       "struct S { __device__ static float f(float v) { return v; } };\ntemplate <class T> __device__ float g(T h) { return "
       "h(1); "
       "}\nBODY y[0] = g(S::f);",
       "functions are called, and no values"},
      // Own arrays, whose bounds are known where they are.
      {"an own array's pointer", "BODY float b[4] = {}; float* p = b; p[n] = a;", "used by its elements"},
      {"the same by arithmetic", "BODY float b[4] = {}; *(b + n) = a;", "used by its elements"},
      {"the same by a star", "BODY float b[4] = {}; *b = a;", "used by its elements"},
      {"the same by an index before it", "BODY float b[4] = {}; n[b] = a;", "used by its elements"},
      {"the same by a choice", "BODY float b[4] = {}; (n ? b : y)[n] = a;", "used by its elements"},
      {"a row of an own array", "BODY float b[4][4] = {}; float* p = b[1]; p[n] = a;", "used by its elements"},
      {"an own array to a function", "__device__ float f(const float* v) { return v[9]; }\nBODY float b[4] = {}; y[0] = f(b);",
       "used by its elements"},
      {"an own array in place of another argument",
       "__device__ float f(float (&v)[4], const float* w) { return v[0] + w[9]; }\nBODY float b[4] = {}; y[0] = f(b, b);",
       "used by its elements"},
      {"an own array as one of another type", "BODY float b[4] = {}; y[0] = ak::as<int>(b)[n];", "used by its elements"},
      {"an own array as a block's room", "BODY float b[4]; y[0] = ak::block_reduce(a, ak::Add<float>(), b);",
       "used by its elements"},
      {"a member's array", "struct S { float b[4]; };\nBODY S s{}; float* p = s.b; p[n] = a;", "used by its elements"},
      {"a pack's array", "BODY ak::Pack<float> s = ak::load_pack(x); float* p = s.at; p[n] = a;", "used by its elements"},
      {"a member's array under another's name",
       "struct S { float b[4]; };\nstruct R { float b; };\nBODY S s{}; float* p = s.b; p[n] = a;", "with other subscripts"},
      {"a pack's array under another's name",
       "struct R { float at; };\nBODY ak::Pack<float> s = ak::load_pack(x); float* p = s.at; p[n] = a;",
       "ak::Pack has an array of that name"},
      {"a constant array's pointer", "constexpr float kTable[4] = {};\nBODY const float* p = kTable; y[0] = p[n];",
       "used by its elements"},
      {"a binding of an array", "struct S { float b[4]; };\nBODY auto [b] = S{}; float* p = b; p[n] = a;", "auto [a, b] is of"},
      {"a hidden array", "BODY float b[4] = {}; if (n) float* b = y; float* q = b; q[n] = a;", "an array has that name here"},
      {"an own variable's address", "BODY float b = 0; float* p = &b; p[n] = a;", "the address is taken of"},
      {"an own element's address", "BODY float b[4] = {}; float* p = &b[1]; p[n] = a;", "the address is taken of"},
      {"a pointer's address", "BODY float* p = y; *ak::as<long long>(&p) = 4096; *p = a;", "the address is taken of"},
      {"an address of what is in brackets", "BODY float b[4] = {}; float* p = &(b[1]); p[n] = a;", "the address is taken of"},
      {"an address behind what is nothing", "BODY float b[4] = {}; float* p = __launch_bounds__(256) &b[1]; p[n] = a;",
       "__launch_bounds__ stands before a kernel's name"},
      {"an address behind an address", "BODY float b = 0; y[0] = 1 && &b;", "the address is taken of"},
      {"a variable that has gone", "__device__ float& f(int k) { float b[4]; return b[k]; }\nBODY f(n) = a;", "no reference"},
      {"the same by a lambda", "BODY auto f = [&](int k) -> float& { float b[4] = {}; return b[k]; }; f(n) = a;",
       "a lambda returns a value"},
      {"the same by what it captures",
       "BODY auto f = [&](int k) { float b[4] = {}; return [&](int i) { b[i] = k; }; }; f(n)(n);", "no lambda within a lambda"},
      {"a function of any type", "__device__ auto f() { float b[4]; return [&](int i) { b[i] = 1; }; }\nBODY f()(n);",
       "a function has a type of its own"},
      // What is const stays so.
      {"an input to be written",
       "extern \"C\" __global__ void scaled_1_(int n, float* y, float* x, float a, int* flags_) { x[0] = a; }",
       "its parameters are (int n"},
      // Names and places.
      {"a kernel by a library's name", "extern \"C\" __global__ void sincos(int n) {}", "no such kernel is asked for"},
      {"a kernel that is run when an object is opened", "extern \"C\" __global__ void _init(int n) {}", "a name that is taken"},
      {"a kernel by a built-in's name", "extern \"C\" __global__ void fmaf(int n) {}", "a name that is taken"},
      {"static behind the type", "BODY float static n[64]; n[0] = a;", "it stands before the type"},
      {"static behind a prelude's type", "BODY ak::Pack<float> static n; y[0] = n.at[0];", "it stands before the type"},
      {"static within a struct", "struct S { static inline float b[64]; };\nBODY y[0] = S::b[n]++;", "members are values"},
      {"static without inline", "struct S { static float b; };\nBODY y[0] = S::b;", "nothing lasts from call to call"},
      {"shared within a struct", "struct S { __shared__ float b; };\nBODY", "members are values"},
      {"a function by a built-in's name", "__device__ float sinf(float v) { return sinf(v); }\nBODY y[0] = sinf(a);",
       "a function of that name is there already"},
      {"a function by the prelude's name", "__device__ float put(float v) { return v; }\nBODY y[0] = put(a);",
       "a function of that name is there already"},
      {"what an arrow leads to", "BODY const auto f = [](int i) -> uintptr_t { return i; }; y[0] = f(n);", "'uintptr_t'"},
      {"a member that nobody has", "BODY y[0] = threadIdx.q;", "no such member"},
      {"a comment in no letters", "// \xff\xfe\nBODY", "a comment's letters are UTF-8"},
      {"a comment in half a letter", "// \xc3\nBODY", "a comment's letters are UTF-8"},
      // What ends no compiler, and no run.
      {"recursion by a member", "struct S { __device__ int go(S s, int k) const { return k ? s.go(s, k - 1) : 0; } };\nBODY",
       "call built-ins and plain functions"},
      {"recursion by an operator", "struct S { __device__ int operator()(S s, int k) const { return s(s, k); } };\nBODY",
       "call built-ins and plain functions"},
      {"recursion by what is made", "struct S { __device__ int operator()(int k) const { return S()(k); } };\nBODY",
       "used by their members"},
      {"the same with braces", "struct S { __device__ int operator()(int k) const { return S{}(k); } };\nBODY",
       "used by their members"},
      {"the same in brackets", "struct S { __device__ int operator()(S s, int k) const { return (s)(s, k); } };\nBODY",
       "used by their members"},
      {"recursion by a mark", "struct S { int v; __device__ S operator+(S o) const { return o + o; } };\nBODY",
       "used by their members"},
      {"recursion by a mark in brackets", "struct S { int v; __device__ S operator+(S o) const { return (o) + (o); } };\nBODY",
       "used by their members"},
      {"recursion by marks of what is made",
       "struct S { int v; __device__ S operator+(S o) const { return S{1} + S{2}; } };\nBODY", "used by their members"},
      {"recursion by a mark, by another function",
       "struct S { int v; __device__ S twice(S o) const { return o + o; } __device__ S operator+(S o) const { return twice(o); "
       "} "
       "};\nBODY",
       "used by their members"},
      {"recursion by a template",
       "template <class F> __device__ int call(F f, int k) { return f(k); }\nstruct S { __device__ int operator()(int k) const "
       "{ "
       "return call(S(), k); } };\nBODY",
       "call built-ins and plain functions"},
      {"recursion by the prelude",
       "struct S { __device__ float operator()(float v, float w) const { return ak::warp_reduce(v, S()); } };\nBODY",
       "call built-ins and plain functions"},
      {"recursion by a template's struct",
       "template <class F> struct W { __device__ int go(int k) const { F f; return f(k); } };\nstruct S { __device__ int "
       "operator()(int k) const { W<S> w; return w.go(k); } };\nBODY",
       "no template's argument within itself"},
      {"recursion by functions of one name",
       "__device__ int f(int k) { return k; }\n__device__ int f(float k) { return f(k); }\nBODY y[0] = f(a);",
       "there is a function of that name"},
      {"recursion by a member of a function's name",
       "__device__ int f(int k) { return k; }\nstruct S { __device__ int f(int k) const { return f(k); } };\nBODY",
       "there is a function of that name"},
      {"recursion", "__device__ int f(int k) { return k ? f(k - 1) : 0; }\nBODY y[0] = f(n);", "none calls itself"},
      {"recursion by two",
       "struct S { __device__ static int f(int k) { return g(k); } __device__ static int g(int k) { return f(k); } };\nBODY "
       "y[0] = S::f(n);",
       "none calls itself"},
      {"a template of itself",
       "template <int k> struct D { static constexpr int v = D<k - 1>::v + D<k - 2>::v; };\nBODY y[0] = D<40>::v;",
       "a template does not use itself"},
      {"a specialisation", "template <> struct D<0> { int v; };\nBODY", "there are no specialisations"},
      {"a parameter pack", "template <class... T> __device__ int f(T... v) { return sizeof...(v); }\nBODY",
       "a template's parameter is"},
      {"a lambda for all types", "BODY auto f = [](auto self, int k) { return k ? self(self, k - 1) : 0; }; y[0] = f(f, n);",
       "a parameter has a type of its own"},
      {"a giant array", "BODY float b[1000000000]; y[0] = b[n];", "an array of more than 65536 elements"},
      {"a giant array by factors", "BODY __shared__ float b[4096][4096]; y[0] = b[n][n];",
       "an array of more than 65536 elements"},
      {"a giant array by a constant", "constexpr int kMany = 1 << 28;\nBODY float b[kMany]; y[0] = b[n];",
       "an array of more than 65536 elements"},
      {"a giant member", "struct S { float b[1 << 30]; };\nBODY S s; y[0] = s.b[n];", "an array of more than 65536 elements"},
      {"a long text", longer.c_str(), "the text has 17408 bytes"},
      {"a long statement", large.c_str(), "a statement of more than"},
      {"many brackets", deep.c_str(), "brackets within 48 others"},
      {"many operators", unary.c_str(), "too many operators in a row"},
      {"many conditions", nested.c_str(), "statements within 32 others"},
      {"many choices", choices.c_str(), "more than 32 ?:"},
      // Another kernel than the one that is asked for.
      {"no kernel", "__device__ int f() { return 0; }", "there is no kernel scaled_1_"},
      {"nothing at all", "", "there is no kernel scaled_1_"},
      {"another kernel's name", "extern \"C\" __global__ void other(int n) {}", "no such kernel is asked for"},
      {"two kernels", "extern \"C\" __global__ void scaled_1_(int n, float* y, const float* x, float a, int* flags_) {}\nBODY",
       "it is defined already"},
      {"a kernel of C++", "__global__ void scaled_1_(int n, float* y, const float* x, float a, int* flags_) {}",
       "a kernel is extern \"C\""},
      {"parameters in another order",
       "extern \"C\" __global__ void scaled_1_(float* y, const float* x, int n, float a, int* flags_) {}",
       "its parameters are (int n"},
      {"a parameter of another type",
       "extern \"C\" __global__ void scaled_1_(int n, double* y, const float* x, float a, int* flags_) {}",
       "its parameters are (int n"},
      {"a parameter less", "extern \"C\" __global__ void scaled_1_(int n, float* y, const float* x, float a) {}",
       "its parameters are (int n"},
      {"a macro's name", "BODY int threadIdx = 0;", "a name that is taken"},
      {"words alone", "Here is the kernel that you asked for:\nBODY", "'Here'"},
      {"markdown", "```cuda\nBODY\n```", "'`'"},
  };
  return texts;
}

}  // namespace ak::test
