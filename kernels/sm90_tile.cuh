// sm90: what one CTA works on. The tensor core multiplies a `left` operand (its 64-row axis) by a `right` one (its 8..256
// columns). Left is A and right is B; with swap_ab left is B and right is A, rows run along n, and every knob describes that
// transposed problem: D^T = B^T A^T.
//
// Gated, the operand that holds B holds the same rows of the up matrix after them: on the right one wgmma of twice tile_n makes
// gate and up, on the left every 64-row block of the gate is followed by its block of the up projection. Either way a thread
// holds both accumulators of an element of D.
#pragma once

namespace ak::sm90 {

constexpr bool kSwap = AK_SWAP_AB;
constexpr int kRows = AK_TILE_M, kColumns = AK_TILE_N, kDepth = AK_TILE_K;  // output tile, and k of one stage
constexpr int kStages = AK_STAGES;
constexpr int kSplit = AK_SPLIT_K;
constexpr int kClusterRows = AK_CLUSTER_M, kClusterColumns = AK_CLUSTER_N;  // tiles of a cluster
constexpr int kCluster = kClusterRows * kClusterColumns * kSplit;           // CTAs of a cluster
constexpr int kPeers = kClusterRows + kClusterColumns - 1;                  // CTAs that load for one of them, itself included

// Cooperative warpgroups share a tile; pingpong ones own a tile each and take turns on the tensor cores.
constexpr bool kPingpong = AK_SCHEDULE == 2;
constexpr int kConsumers = kPingpong ? 2 : kRows == 64 ? 1 : kRows == 192 ? 3 : 2;
constexpr int kLeftStack = kSwap ? kGates : 1, kRightStack = kSwap ? 1 : kGates;  // matrices in an operand
constexpr int kLeftRows = kLeftStack * kRows, kWidth = kRightStack * kColumns;    // width of the wgmma
constexpr int kBlocks = kRows / 64 / (kPingpong ? 1 : kConsumers);                // 64-row blocks of D, a warpgroup
constexpr int kLeftBlocks = kLeftStack * kBlocks;
using Accumulators = float[kLeftBlocks][kWidth / 2];
// Where in them the gate (0) or the up projection (1) of a 64-row block and an 8-column slice of D lies.
__device__ constexpr int block_of(int gate, int block) { return kSwap ? gate * kBlocks + block : block; }
__device__ constexpr int slice_of(int gate, int slice) { return kSwap ? slice : gate * (kColumns / 8) + slice; }
constexpr int kConsumerThreads = 128 * kConsumers;
// Registers move from the producer to the consumers only by whole warpgroups; one consumer needs no more than its share.
constexpr bool kMoveRegisters = kConsumers > 1;
constexpr bool kCopies = AK_LOAD == 1;  // two warpgroups of producers bring both operands (sm90_copy.cuh)
constexpr int kThreads = kConsumerThreads + (kCopies ? 256 : kConsumers == 1 ? 32 : 128);
constexpr int kAccumulators = kLeftBlocks * kWidth / 2;  // per thread
constexpr int kProducerRegisters = kCopies ? 72 : kConsumers == 3 ? 32 : kAccumulators > 176 ? 24 : 40;
constexpr int kConsumerRegisters = kCopies ? 184 : kConsumers == 3 ? 160 : kAccumulators > 176 ? 240 : 232;

// sm90_residual.cuh: nothing stands between the product and C.
constexpr bool kStartFromC = AK_HAS_C && AK_UNIT_ALPHA && !AK_ROW_SCALE && !AK_COLUMN_SCALE && !AK_GATED && kSplit == 1;

constexpr bool kLeftMajorK = kSwap ? AK_B_MAJOR_K : AK_A_MAJOR_K;
constexpr bool kRightMajorK = kSwap ? AK_A_MAJOR_K : AK_B_MAJOR_K;

// TMA fills the rows of a box that lie behind the operand's last one several times slower than it brings rows: the last tile of
// A's rows has a map of its own, whose boxes end with them, in whole 8-row swizzle atoms. What lies behind those in shared
// memory is left from before, or nothing, and makes rows of D that nobody stores. A producer with 24 registers has none for it.
constexpr bool kTail = AK_A_MAJOR_K && AK_ALIGN_A >= 16 && !kCopies && kProducerRegisters > 24;
constexpr int kTileTokens = kSwap ? kColumns : kRows, kTokenSlices = kSwap ? kClusterRows : kClusterColumns;

// --- shared memory: ring of stages | staging of the epilogue | column terms | pieces of split_k | full and empty barriers
// (src/families/sm90.cpp has the same sums)
constexpr int kChunk = 128;  // bytes of a swizzled row: 64 elements
__device__ constexpr int padded(int extent, bool major_k) { return major_k ? extent : (extent + 63) / 64 * 64; }
constexpr int kLeftBytes = kLeftRows * kDepth * 2;
constexpr int kRightBytes = kRightStack * padded(kColumns, kRightMajorK) * kDepth * 2;
constexpr int kStageBytes = kLeftBytes + kRightBytes;
// store 2 keeps runs of D's rows in shared memory, kRunColumns of the tile's columns at a time: a warp's 16 rows, or with
// swap_ab 64-row blocks of its warpgroup, in two halves that take turns.
constexpr int kOutBytes = sizeof(Out);
constexpr int kRunMost = kSwap ? 32 : 192 / kOutBytes, kRunParts = (kColumns + kRunMost - 1) / kRunMost;
constexpr int kRunStep = kColumns % 16 == 0 ? 16 : 8;
constexpr int kRunColumns = ((kColumns + kRunParts - 1) / kRunParts + kRunStep - 1) / kRunStep * kRunStep;
constexpr int kRunElements = kSwap ? 64 * kBlocks : kRunColumns;
constexpr int kRunPitch = kRunElements * kOutBytes + 16;
constexpr int kRunBytes = (kSwap ? kRunColumns : 16) * kRunPitch;                         // per warp, or per warpgroup
constexpr int kRunStaging = kSwap ? kRunBytes * (kRunParts > 1 ? 2 : 1) / 4 : kRunBytes;  // per warp
constexpr int kOutputs = 1 + kAuxes;                                                      // store 1: strips of D and of aux
constexpr int kStripStaging = 1024 * (kOutputs < 2 ? 2 : kOutputs);                       // per warp
constexpr int kStagingBytes = AK_STORE == 2 ? kRunStaging : kStripStaging;
constexpr int kStagingAt = kStages * kStageBytes;
constexpr int kTermsAt = kStagingAt + (AK_STORE ? kConsumers * 4 * kStagingBytes : 0);
// Terms along the tensor core's rows stay in registers, those along its columns in shared memory, scales before biases.
constexpr bool kTermsOnRows = kSwap ? kColumnTerms : kRowTerms, kTermsOnColumns = kSwap ? kRowTerms : kColumnTerms;
constexpr bool kColumnScales = kSwap ? AK_ROW_SCALE : AK_COLUMN_SCALE, kColumnBiases = AK_BIAS == (kSwap ? 2 : 1);
constexpr int kTermsBytes = (kColumnScales + kColumnBiases) * kWidth * 4;  // per warpgroup
// split_k: each CTA finishes a part of the tile's columns, and the others' partial sums of it come in here (sm90_split.cuh).
constexpr int kQuads = kColumns / 8;
constexpr int kTogether = kQuads % 2 == 0 && (kQuads % (2 * kSplit) == 0 || (AK_STORE && !kSwap)) ? 2 : 1;  // finished at once
constexpr int kPartQuads = (kQuads / kTogether + kSplit - 1) / kSplit * kTogether;
constexpr int kPieceBytes = kBlocks * kGates * kPartQuads * kConsumerThreads * 16;  // from one CTA to another
constexpr int kPiecesAt = kTermsAt + kConsumers * kTermsBytes;
constexpr int kBarriersAt = kPiecesAt + (kSplit - 1) * kPieceBytes;

struct Ring {
  u32 base;  // shared-memory address, a multiple of 1024
  int slot = 0;
  u32 parity = 0;

  __device__ u32 left() const { return base + slot * kStageBytes; }
  __device__ u32 right() const { return left() + kLeftBytes; }
  __device__ u32 full() const { return full(slot); }
  __device__ u32 empty() const { return empty(slot); }
  __device__ u32 full(int s) const { return base + kBarriersAt + 8 * s; }
  __device__ u32 empty(int s) const { return full(s) + 8 * kStages; }
  __device__ u32 pieces() const { return base + kPiecesAt; }
  __device__ u32 received() const { return full(2 * kStages); }  // split_k: all pieces are here
  __device__ void next() {
    if (++slot == kStages) slot = 0, parity ^= 1;
  }
  __device__ void skip(int stages) {
    const u32 at = slot + stages;
    slot = at % kStages;
    parity ^= at / kStages & 1;
  }
};

// Which tiles and which part of k a CTA works on. Clusters take tiles cluster_id, cluster_id + clusters, ...
struct Work {
  int rows, columns;             // of the whole left and right operand
  u32 tiles_down, tiles_across;  // in clusters
  u32 first, step, count;        // tiles of this cluster: first, first + step, ... below count
  int row_rank, column_rank;     // place in the cluster
  int slice;                     // of k
  int k_begin, k_end;            // in stages
  int tail;                      // row of A where its last tile begins, unless that is a whole one
  int tail_rows;                 // of a slice of it

  __device__ Work(const KernelArgs& args, u32 rank) {
    rows = kSwap ? args.n : args.m;
    columns = kSwap ? args.m : args.n;
    tiles_down = (rows - 1) / (kRows * kClusterRows) + 1;
    tiles_across = (columns - 1) / (kColumns * kClusterColumns) + 1;
    first = blockIdx.x / kCluster;
    step = gridDim.x / kCluster;
    count = tiles_down * tiles_across;
    row_rank = kSplit > 1 ? 0 : rank % kClusterRows;
    column_rank = kSplit > 1 ? 0 : rank / kClusterRows;
    const int depth = (args.k - 1) / kDepth + 1;
    const int share = (depth - 1) / kSplit + 1;
    slice = kSplit > 1 ? rank : 0;
    k_begin = min(slice * share, depth);
    k_end = min(k_begin + share, depth);
    tail = args.m % kTileTokens ? args.m - args.m % kTileTokens : 0x7fffffff;
    tail_rows = ((args.m - 1) % kTileTokens / (8 * kTokenSlices) + 1) * 8;
  }

  struct Tile {
    int row, column;
  };  // of its first element

  __device__ bool is_tail(const Tile& tile) const {
    return kTail && (kSwap ? tile.column : tile.row) >= tail;
  }

  // Groups of AK_RASTER tile rows are walked column by column, so that what is in flight at once shares its operands in L2.
  __device__ Tile tile(u32 index) const {
    u32 down, across;
    if (AK_RASTER > 0) {
      const u32 group = index / (AK_RASTER * tiles_across), above = group * AK_RASTER;
      const u32 height = min(static_cast<u32>(AK_RASTER), tiles_down - above), inside = index - above * tiles_across;
      down = above + inside % height;
      across = inside / height;
    } else {
      down = index / tiles_across;
      across = index % tiles_across;
    }
    return {static_cast<int>(down * kClusterRows + row_rank) * kRows,
            static_cast<int>(across * kClusterColumns + column_rank) * kColumns};
  }
};

}  // namespace ak::sm90
