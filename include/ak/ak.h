/* Autokernel in C: D = act(alpha * A.B + bias + beta * C) on an NVIDIA GPU, tuned on first use and remembered.
 *
 * The words and rules are those of ak/ak.hpp. Every function returns a status; ak_last_error() tells this thread more. No
 * exception crosses this boundary. Enumerators are `type_word` with the C++ API's words, so `ak_activation_silu`.
 *
 * Every struct that a caller makes begins with its size, which its AK_..._INIT sets: start from that, so that a program keeps
 * working with a later library, whose structs have more members. What the library writes never goes beyond that size. */
#ifndef AK_AK_H
#define AK_AK_H

#include <stddef.h>
#include <stdint.h>

#include "ak/export.h"
#include "ak/version.h"

#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st;
typedef struct CUstream_st* ak_stream; /* a CUstream or cudaStream_t; null is the legacy default stream */
typedef struct ak_context ak_context;  /* null names the default context wherever a context is asked for */

/* In C++ an enumeration is an int, whatever its enumerators: what is none of them can be read too, and is refused. */
#ifdef __cplusplus
#define AK_INT : int
#else
#define AK_INT
#endif

typedef enum ak_status AK_INT {
  ak_status_ok = 0,
  ak_status_invalid_argument = 1, /* ak_last_error() names the argument */
  ak_status_unsupported = 2,      /* a dtype mix or GPU that no kernel serves */
  ak_status_missing_library = 3,  /* libcuda, NVRTC or cuBLASLt could not be opened */
  ak_status_driver = 4,           /* a CUDA driver call failed */
  ak_status_out_of_memory = 5,
  ak_status_internal = 6
} ak_status;

typedef enum ak_dtype AK_INT { ak_dtype_f16 = 0, ak_dtype_bf16 = 1, ak_dtype_f32 = 2 } ak_dtype;
typedef enum ak_order AK_INT { ak_order_row = 0, ak_order_col = 1 } ak_order;
typedef enum ak_mode AK_INT {
  ak_mode_unset = 0,
  ak_mode_tune = 1,
  ak_mode_hit = 2,
  ak_mode_off = 3,
  ak_mode_background = 4,
  ak_mode_record = 5
} ak_mode;

typedef enum ak_llm_code AK_INT {
  ak_llm_code_unset = 0,
  ak_llm_code_off = 1,
  ak_llm_code_worker = 2,
  ak_llm_code_kept = 3
} ak_llm_code;
typedef enum ak_isolation AK_INT { ak_isolation_unset = 0, ak_isolation_worker = 1, ak_isolation_in_process = 2 } ak_isolation;

/* ak/types.hpp: Numerics */
typedef enum ak_numerics AK_INT {
  ak_numerics_unset = 0,
  ak_numerics_fast = 1,
  ak_numerics_deterministic = 2,
  ak_numerics_batch_invariant = 3
} ak_numerics;

typedef enum ak_activation AK_INT {
#define AK_ACTIVATION(name, expression) ak_activation_##name,
#include "ak/activations.def"
#undef AK_ACTIVATION
  ak_activation_count,
  ak_activation_last_own = 254 /* ak_register_activation gives values from ak_activation_count to here */
} ak_activation;

/* A view of a device matrix; ld is the leading dimension in elements. Of a batch, so many of them, batch_stride elements apart:
 * only batches of 1 are served yet. */
typedef struct ak_const_matrix {
  size_t size;
  const void* data;
  int64_t rows, cols, ld;
  ak_dtype dtype;
  ak_order order;
  int64_t batch, batch_stride;
} ak_const_matrix;

typedef struct ak_matrix {
  size_t size;
  void* data;
  int64_t rows, cols, ld;
  ak_dtype dtype;
  ak_order order;
  int64_t batch, batch_stride;
} ak_matrix;

#define AK_CONST_MATRIX_INIT \
  { sizeof(ak_const_matrix), NULL, 0, 0, 0, ak_dtype_bf16, ak_order_row, 1, 0 }
#define AK_MATRIX_INIT \
  { sizeof(ak_matrix), NULL, 0, 0, 0, ak_dtype_bf16, ak_order_row, 1, 0 }

/* bias: cols(D) elements (gated: 2 * cols(D), the gate's first) or null. c: read only when beta is not 0; may be D itself.
 * gated: D = activation(A.gate) * (A.up), B being k x 2n with the gate's columns first; or the gate alone, with up beside it,
 * both k x n of one dtype, order and ld. D is row-major m x n, beta 0. aux: what the activation is given, in D's dtype and
 * order, m x n (gated: m x 2n, the gate's first); null: not stored. row_scale, column_scale: rows(D) and cols(D) (gated: 2 *
 * cols(D)) floats that A.B is multiplied by, before bias; or null. numerics: an ak_numerics, of this product instead of the
 * context's. */
typedef struct ak_epilogue {
  size_t size;
  ak_activation activation;
  float alpha, beta, slope;
  const void* bias;
  ak_dtype bias_dtype;
  int gated;
  const ak_const_matrix *c, *up;
  const ak_matrix* aux;
  const float *row_scale, *column_scale;
  int64_t numerics;
} ak_epilogue;

#define AK_EPILOGUE_INIT \
  { sizeof(ak_epilogue), ak_activation_identity, 1.0f, 0.0f, 0.01f, NULL, ak_dtype_bf16, 0, NULL, NULL, NULL, NULL, NULL, 0 }

/* One finished trial of a running search. The texts live until the callback returns. */
typedef struct ak_progress {
  const char *problem, *tactic, *outcome, *best;
  double us, best_us;
  int trials; /* of own kernels so far; cuBLASLt's runs and the final timings are none */
  double elapsed_s, budget_s;
} ak_progress;

/* Zero and null leave a setting to the environment, then to its default (ak/ak.hpp has them). progress is called on the thread
 * of the library's own that searches, while the caller waits. llm_key is called on a thread of the library's own; it may block
 * and may still run when its search and its context have ended, so what llm_key_user points at must outlive the process's
 * calls. log is called instead of writing to stderr, on whichever thread has a line, for one line at a time, until the context
 * ends; log_level and log are of the whole process. */
typedef struct ak_options {
  size_t size;
  const char* cache_dir; /* "" keeps records in memory only */
  ak_mode mode;
  double budget_s, process_budget_s;
  int max_trials;
  const char *llm, *llm_endpoint, *llm_model; /* llm "" forbids one */
  const char* (*llm_key)(void* user);         /* asked when the key is needed */
  void* llm_key_user;
  int llm_rounds, llm_proposals;
  const char* recording;
  void (*progress)(const ak_progress* progress, void* user);
  void* progress_user;
  const char* packs; /* files, separated by colons: further packs, consulted before a search */
  int shipped;       /* the pack that comes with the library: 1 consulted, -1 not */
  int64_t llm_tokens, scratch_bytes;
  const char* log_level; /* off, error, warn, info or debug */
  void (*log)(const char* level, const char* line, void* user);
  void* log_user;
  ak_isolation isolation;
  int compile_threads;
  const char* worker;
  int64_t search_bytes;     /* most device memory of a search */
  int compile_niceness;     /* 1 to 19 */
  ak_llm_code llm_code;     /* of kernels that an LLM wrote for a loop */
  const char* record_file;  /* of mode record */
  /* Where scratch memory of launches comes from, both or neither (ak/types.hpp: ScratchAllocator): 256-byte aligned device
   * memory, or null, in the CUDA context that is current. They may not call this library; a graph may outlive the context, and
   * its memory, and scratch_user, with it. */
  void* (*scratch_allocate)(int64_t bytes, ak_stream stream, void* user);
  void (*scratch_release)(void* data, int64_t bytes, ak_stream stream, void* user);
  void* scratch_user;
  ak_numerics numerics;
  int guard_every; /* one call in so many is checked against cuBLASLt, of a loop against its C function */
  double background_share; /* of the time in which a search behind the calls may use the GPU */
} ak_options;

#define AK_OPTIONS_INIT                                                                                                    \
  {                                                                                                                        \
    sizeof(ak_options), NULL, ak_mode_unset, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, \
        NULL, NULL, NULL, ak_isolation_unset, 0, NULL, 0, 0, ak_llm_code_unset, NULL, NULL, NULL, NULL, ak_numerics_unset, \
        0, 0                                                                                                               \
  }

/* How a problem is or would be served; texts are cut to their arrays. */
typedef struct ak_explanation {
  size_t size;
  char problem[160], hardware[160], served_by[256], source[32], proposer[32], note[256];
  double us, vendor_us, search_s;
  int trials, from_recording;
  int64_t bucket_from, bucket_to; /* the rows of D that its plan serves; 0: a record of this problem alone */
} ak_explanation;

#define AK_EXPLANATION_INIT \
  { sizeof(ak_explanation), "", "", "", "", "", "", 0, 0, 0, 0, 0, 0, 0 }

typedef struct ak_counters {
  size_t size;
  int64_t searches, trials, compiles, store_hits, vendor_fallbacks;
  double last_load_s;
  int64_t pack_hits; /* problems that a pack or an import spared a search */
  int64_t scratch_fallbacks, passing_fallbacks, retries, lease_waits;
  int64_t search_peak_bytes; /* most device memory that one search held in this process */
  int64_t guarded, guard_unsure, guard_mismatches, guard_demotions;
} ak_counters;

#define AK_COUNTERS_INIT \
  { sizeof(ak_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* options may be null. *context is null after a failure. */
AK_API ak_status ak_context_create(const ak_options* options, ak_context** context);
/* Null is allowed. No call on the context may be under way. */
AK_API void ak_context_destroy(ak_context* context);

/* Enqueues the call on the stream. epilogue may be null: identity, alpha 1, no bias, no C. While the stream is captured nothing
 * is searched: a problem that is not known is served by cuBLASLt. Graphs hold what they need: they may outlive the context,
 * and run at once wherever they were captured. */
AK_API ak_status ak_matmul_act(ak_context* context, ak_stream stream, const ak_const_matrix* a, const ak_const_matrix* b,
                               const ak_matrix* d, const ak_epilogue* epilogue);

/* y[tokens, out] = act(x[tokens, in] . w[out, in]^T + bias); bias may be null, of y's dtype. */
AK_API ak_status ak_linear(ak_context* context, ak_stream stream, const ak_const_matrix* x, const ak_const_matrix* w,
                           const void* bias, ak_activation activation, const ak_matrix* y);

/* Load or tune the plan of this call now, without running it. Pointers tell their alignment, null 16 bytes. explanation may be
 * null. */
AK_API ak_status ak_prepare(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                            const ak_epilogue* epilogue, ak_explanation* explanation);

/* Which kernel serves this call, why, against what. Starts no search. */
AK_API ak_status ak_explain(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                            const ak_epilogue* epilogue, ak_explanation* explanation);

/* A call to prepare for. epilogue may be null, as everywhere. */
typedef struct ak_call {
  size_t size;
  const ak_const_matrix *a, *b;
  const ak_matrix* d;
  const ak_epilogue* epilogue;
  int64_t tokens_from, tokens_to; /* not 0: every number of rows from here to there, instead of those that a and d have */
} ak_call;

#define AK_CALL_INIT \
  { sizeof(ak_call), NULL, NULL, NULL, NULL, 0, 0 }

/* ak_prepare for `count` calls, in order, each problem once. explanations: null, or `count` of them, one a call; like the
 * calls, all of one size. progress: null, or called after every problem with how many of all are done and how the last one will
 * be served. A call that cannot be served does not keep the others: its source is "none" and its note says why. Fails where a
 * library is missing or the driver fails, which would keep them all, and for a wrong argument before anything was prepared: the
 * message begins with its place, calls[3]. Then explanations are left as they are. Of a call with tokens all buckets that they
 * meet are prepared, a problem each (ak/ak.hpp: Context::prepare). */
AK_API ak_status ak_prepare_many(ak_context* context, const ak_call* calls, size_t count, ak_explanation* explanations,
                                 void (*progress)(size_t done, size_t all, const ak_explanation* last, void* user), void* user);

/* A problem bound to what serves it (ak/ak.hpp: Plan): a call looks nothing up while the rows of D stay as they are. One thread
 * at a time may use it. *plan is null after a failure. */
typedef struct ak_plan ak_plan;
AK_API ak_status ak_plan_create(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                                const ak_epilogue* epilogue, ak_plan** plan);
/* Null is allowed; also after its context. */
AK_API void ak_plan_destroy(ak_plan* plan);
/* The rows of D that the plan may be called with. */
AK_API ak_status ak_plan_serves(const ak_plan* plan, int64_t* from, int64_t* to);
/* workspace: null, or at least ak_plan_workspace_bytes() bytes of device memory, 256-byte aligned and zero in the beginning. What
 * that told holds until it is asked again: where what serves needs more by now another plan, which needs none, serves. */
AK_API ak_status ak_plan_call(ak_plan* plan, ak_stream stream, const ak_const_matrix* a, const ak_const_matrix* b,
                              const ak_matrix* d, const ak_epilogue* epilogue, void* workspace, int64_t workspace_bytes);
AK_API ak_status ak_plan_workspace_bytes(const ak_plan* plan, int64_t* bytes);
/* Grows when something else serves the plan's problem. */
AK_API ak_status ak_plan_epoch(const ak_plan* plan, uint64_t* epoch);
/* What serves the plan's last call, or what it was made for, and why, as ak_explain() does. */
AK_API ak_status ak_plan_explain(const ak_plan* plan, ak_explanation* explanation);
/* Grows whenever something else serves a problem of the context that was served before. */
AK_API ak_status ak_context_epoch(ak_context* context, uint64_t* epoch);

AK_API ak_status ak_get_counters(ak_context* context, ak_counters* counters);

/* A caller's own activation from an expression of x and slope, as ak::register_activation; *activation is a value for
 * ak_epilogue.activation in this process. */
AK_API ak_status ak_register_activation(const char* expression, ak_activation* activation);

/* What the last failed call of this thread said; "" when none failed. Valid until the thread's next call. */
AK_API const char* ak_last_error(void);
AK_API const char* ak_status_name(ak_status status);
/* "0.1.0", of the library that is there. AK_VERSION is a number, of the header: AK_VERSION_NUMBER(0, 1, 0). */
AK_API const char* ak_version(void);

#ifdef __cplusplus
}
#endif
#endif
