// wgmma m64nNk16 with f32 accumulators and both operands in shared memory, for the one width N = AK_WGMMA_N of this compile:
// tile_n, or twice that where a gated tile's up projection lies beside its gate.
// The instruction's register list is text, so macros spell it, one per N: the registers, the same as asm operands, the operand
// that says whether to accumulate, and the operands that follow the registers.
#pragma once

#define AK_TEXT_(x) #x
#define AK_TEXT(x) AK_TEXT_(x)
#define AK_FOUR(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define AK_OF_N__(table, n) table##n
#define AK_OF_N_(table, n) AK_OF_N__(table, n)
#define AK_OF_N(table) AK_OF_N_(table, AK_WGMMA_N)

#define AK_TWICE_8 16
#define AK_TWICE_16 32
#define AK_TWICE_24 48
#define AK_TWICE_32 64
#define AK_TWICE_40 80
#define AK_TWICE_48 96
#define AK_TWICE_56 112
#define AK_TWICE_64 128
#define AK_TWICE_72 144
#define AK_TWICE_80 160
#define AK_TWICE_88 176
#define AK_TWICE_96 192
#define AK_TWICE_104 208
#define AK_TWICE_112 224
#define AK_TWICE_120 240
#define AK_TWICE_128 256

#if AK_GATED && !AK_SWAP_AB
#define AK_WGMMA_N AK_OF_N_(AK_TWICE_, AK_TILE_N)
#else
#define AK_WGMMA_N AK_TILE_N
#endif

#define AK_REGISTERS_8 "%0, %1, %2, %3"
#define AK_REGISTERS_16 AK_REGISTERS_8 ", %4, %5, %6, %7"
#define AK_REGISTERS_24 AK_REGISTERS_16 ", %8, %9, %10, %11"
#define AK_REGISTERS_32 AK_REGISTERS_24 ", %12, %13, %14, %15"
#define AK_REGISTERS_40 AK_REGISTERS_32 ", %16, %17, %18, %19"
#define AK_REGISTERS_48 AK_REGISTERS_40 ", %20, %21, %22, %23"
#define AK_REGISTERS_56 AK_REGISTERS_48 ", %24, %25, %26, %27"
#define AK_REGISTERS_64 AK_REGISTERS_56 ", %28, %29, %30, %31"
#define AK_REGISTERS_72 AK_REGISTERS_64 ", %32, %33, %34, %35"
#define AK_REGISTERS_80 AK_REGISTERS_72 ", %36, %37, %38, %39"
#define AK_REGISTERS_88 AK_REGISTERS_80 ", %40, %41, %42, %43"
#define AK_REGISTERS_96 AK_REGISTERS_88 ", %44, %45, %46, %47"
#define AK_REGISTERS_104 AK_REGISTERS_96 ", %48, %49, %50, %51"
#define AK_REGISTERS_112 AK_REGISTERS_104 ", %52, %53, %54, %55"
#define AK_REGISTERS_120 AK_REGISTERS_112 ", %56, %57, %58, %59"
#define AK_REGISTERS_128 AK_REGISTERS_120 ", %60, %61, %62, %63"
#define AK_REGISTERS_136 AK_REGISTERS_128 ", %64, %65, %66, %67"
#define AK_REGISTERS_144 AK_REGISTERS_136 ", %68, %69, %70, %71"
#define AK_REGISTERS_152 AK_REGISTERS_144 ", %72, %73, %74, %75"
#define AK_REGISTERS_160 AK_REGISTERS_152 ", %76, %77, %78, %79"
#define AK_REGISTERS_168 AK_REGISTERS_160 ", %80, %81, %82, %83"
#define AK_REGISTERS_176 AK_REGISTERS_168 ", %84, %85, %86, %87"
#define AK_REGISTERS_184 AK_REGISTERS_176 ", %88, %89, %90, %91"
#define AK_REGISTERS_192 AK_REGISTERS_184 ", %92, %93, %94, %95"
#define AK_REGISTERS_200 AK_REGISTERS_192 ", %96, %97, %98, %99"
#define AK_REGISTERS_208 AK_REGISTERS_200 ", %100, %101, %102, %103"
#define AK_REGISTERS_216 AK_REGISTERS_208 ", %104, %105, %106, %107"
#define AK_REGISTERS_224 AK_REGISTERS_216 ", %108, %109, %110, %111"
#define AK_REGISTERS_232 AK_REGISTERS_224 ", %112, %113, %114, %115"
#define AK_REGISTERS_240 AK_REGISTERS_232 ", %116, %117, %118, %119"
#define AK_REGISTERS_248 AK_REGISTERS_240 ", %120, %121, %122, %123"
#define AK_REGISTERS_256 AK_REGISTERS_248 ", %124, %125, %126, %127"

#define AK_OPERANDS_8 AK_FOUR(0)
#define AK_OPERANDS_16 AK_OPERANDS_8, AK_FOUR(4)
#define AK_OPERANDS_24 AK_OPERANDS_16, AK_FOUR(8)
#define AK_OPERANDS_32 AK_OPERANDS_24, AK_FOUR(12)
#define AK_OPERANDS_40 AK_OPERANDS_32, AK_FOUR(16)
#define AK_OPERANDS_48 AK_OPERANDS_40, AK_FOUR(20)
#define AK_OPERANDS_56 AK_OPERANDS_48, AK_FOUR(24)
#define AK_OPERANDS_64 AK_OPERANDS_56, AK_FOUR(28)
#define AK_OPERANDS_72 AK_OPERANDS_64, AK_FOUR(32)
#define AK_OPERANDS_80 AK_OPERANDS_72, AK_FOUR(36)
#define AK_OPERANDS_88 AK_OPERANDS_80, AK_FOUR(40)
#define AK_OPERANDS_96 AK_OPERANDS_88, AK_FOUR(44)
#define AK_OPERANDS_104 AK_OPERANDS_96, AK_FOUR(48)
#define AK_OPERANDS_112 AK_OPERANDS_104, AK_FOUR(52)
#define AK_OPERANDS_120 AK_OPERANDS_112, AK_FOUR(56)
#define AK_OPERANDS_128 AK_OPERANDS_120, AK_FOUR(60)
#define AK_OPERANDS_136 AK_OPERANDS_128, AK_FOUR(64)
#define AK_OPERANDS_144 AK_OPERANDS_136, AK_FOUR(68)
#define AK_OPERANDS_152 AK_OPERANDS_144, AK_FOUR(72)
#define AK_OPERANDS_160 AK_OPERANDS_152, AK_FOUR(76)
#define AK_OPERANDS_168 AK_OPERANDS_160, AK_FOUR(80)
#define AK_OPERANDS_176 AK_OPERANDS_168, AK_FOUR(84)
#define AK_OPERANDS_184 AK_OPERANDS_176, AK_FOUR(88)
#define AK_OPERANDS_192 AK_OPERANDS_184, AK_FOUR(92)
#define AK_OPERANDS_200 AK_OPERANDS_192, AK_FOUR(96)
#define AK_OPERANDS_208 AK_OPERANDS_200, AK_FOUR(100)
#define AK_OPERANDS_216 AK_OPERANDS_208, AK_FOUR(104)
#define AK_OPERANDS_224 AK_OPERANDS_216, AK_FOUR(108)
#define AK_OPERANDS_232 AK_OPERANDS_224, AK_FOUR(112)
#define AK_OPERANDS_240 AK_OPERANDS_232, AK_FOUR(116)
#define AK_OPERANDS_248 AK_OPERANDS_240, AK_FOUR(120)
#define AK_OPERANDS_256 AK_OPERANDS_248, AK_FOUR(124)

#define AK_KEEP_8 "%6"
#define AK_KEEP_16 "%10"
#define AK_KEEP_24 "%14"
#define AK_KEEP_32 "%18"
#define AK_KEEP_40 "%22"
#define AK_KEEP_48 "%26"
#define AK_KEEP_56 "%30"
#define AK_KEEP_64 "%34"
#define AK_KEEP_72 "%38"
#define AK_KEEP_80 "%42"
#define AK_KEEP_88 "%46"
#define AK_KEEP_96 "%50"
#define AK_KEEP_104 "%54"
#define AK_KEEP_112 "%58"
#define AK_KEEP_120 "%62"
#define AK_KEEP_128 "%66"
#define AK_KEEP_136 "%70"
#define AK_KEEP_144 "%74"
#define AK_KEEP_152 "%78"
#define AK_KEEP_160 "%82"
#define AK_KEEP_168 "%86"
#define AK_KEEP_176 "%90"
#define AK_KEEP_184 "%94"
#define AK_KEEP_192 "%98"
#define AK_KEEP_200 "%102"
#define AK_KEEP_208 "%106"
#define AK_KEEP_216 "%110"
#define AK_KEEP_224 "%114"
#define AK_KEEP_232 "%118"
#define AK_KEEP_240 "%122"
#define AK_KEEP_248 "%126"
#define AK_KEEP_256 "%130"

#define AK_TAIL_8 "%4, %5, p, 1, 1, %7, %8"
#define AK_TAIL_16 "%8, %9, p, 1, 1, %11, %12"
#define AK_TAIL_24 "%12, %13, p, 1, 1, %15, %16"
#define AK_TAIL_32 "%16, %17, p, 1, 1, %19, %20"
#define AK_TAIL_40 "%20, %21, p, 1, 1, %23, %24"
#define AK_TAIL_48 "%24, %25, p, 1, 1, %27, %28"
#define AK_TAIL_56 "%28, %29, p, 1, 1, %31, %32"
#define AK_TAIL_64 "%32, %33, p, 1, 1, %35, %36"
#define AK_TAIL_72 "%36, %37, p, 1, 1, %39, %40"
#define AK_TAIL_80 "%40, %41, p, 1, 1, %43, %44"
#define AK_TAIL_88 "%44, %45, p, 1, 1, %47, %48"
#define AK_TAIL_96 "%48, %49, p, 1, 1, %51, %52"
#define AK_TAIL_104 "%52, %53, p, 1, 1, %55, %56"
#define AK_TAIL_112 "%56, %57, p, 1, 1, %59, %60"
#define AK_TAIL_120 "%60, %61, p, 1, 1, %63, %64"
#define AK_TAIL_128 "%64, %65, p, 1, 1, %67, %68"
#define AK_TAIL_136 "%68, %69, p, 1, 1, %71, %72"
#define AK_TAIL_144 "%72, %73, p, 1, 1, %75, %76"
#define AK_TAIL_152 "%76, %77, p, 1, 1, %79, %80"
#define AK_TAIL_160 "%80, %81, p, 1, 1, %83, %84"
#define AK_TAIL_168 "%84, %85, p, 1, 1, %87, %88"
#define AK_TAIL_176 "%88, %89, p, 1, 1, %91, %92"
#define AK_TAIL_184 "%92, %93, p, 1, 1, %95, %96"
#define AK_TAIL_192 "%96, %97, p, 1, 1, %99, %100"
#define AK_TAIL_200 "%100, %101, p, 1, 1, %103, %104"
#define AK_TAIL_208 "%104, %105, p, 1, 1, %107, %108"
#define AK_TAIL_216 "%108, %109, p, 1, 1, %111, %112"
#define AK_TAIL_224 "%112, %113, p, 1, 1, %115, %116"
#define AK_TAIL_232 "%116, %117, p, 1, 1, %119, %120"
#define AK_TAIL_240 "%120, %121, p, 1, 1, %123, %124"
#define AK_TAIL_248 "%124, %125, p, 1, 1, %127, %128"
#define AK_TAIL_256 "%128, %129, p, 1, 1, %131, %132"

#if AK_IN == 1
#define AK_WGMMA_TYPES ".f32.bf16.bf16 {"
#else
#define AK_WGMMA_TYPES ".f32.f16.f16 {"
#endif

namespace ak {

// A shared-memory operand under the 128-byte swizzle. Contiguous along k: rows of 128 bytes, 8 rows an atom of 1024 bytes, and
// `leading` is unused. Contiguous along m or n: chunks of 64 elements x all k of the stage; `leading` is the bytes from chunk to chunk.
// Inside a cluster the upper bits of an address name the CTA; they are no part of a descriptor.
__device__ __forceinline__ u64 wgmma_descriptor(u32 address, u32 leading) {
  return (1ull << 62) | (static_cast<u64>(1024 >> 4) << 32) | (static_cast<u64>(leading >> 4) << 16) | (address & 0x3ffff) >> 4;
}

// d (+)= A[64 x 16] . B[16 x N]; keep = 0 overwrites d.
template <bool a_transposed, bool b_transposed>
__device__ __forceinline__ void wgmma(float (&d)[AK_WGMMA_N / 2], u64 a, u64 b, u32 keep) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " AK_OF_N(AK_KEEP_) ", 0;\n"
               "wgmma.mma_async.sync.aligned.m64n" AK_TEXT(AK_WGMMA_N) "k16" AK_WGMMA_TYPES AK_OF_N(AK_REGISTERS_) "}, "
               AK_OF_N(AK_TAIL_) ";\n}"
               : AK_OF_N(AK_OPERANDS_)
               : "l"(a), "l"(b), "r"(keep), "n"(a_transposed ? 1 : 0), "n"(b_transposed ? 1 : 0));
}

// Before the first wgmma that touches registers written by other instructions.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// All but the newest `pending` groups have finished.
template <int pending> __device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}
// After the wait: the compiler does not know that wgmma writes its registers later, and may move what reads them up.
__device__ __forceinline__ void wgmma_settle(float (&d)[AK_WGMMA_N / 2]) {
#pragma unroll
  for (float& v : d) asm volatile("" : "+f"(v)::"memory");
}

}  // namespace ak
