/* Autokernel in C: D = act(alpha * A.B + bias + beta * C) on an NVIDIA GPU, tuned on first use and remembered.
 *
 * The words and rules are those of ak/ak.hpp. Every function returns a status; ak_last_error() tells this thread more. No
 * exception crosses this boundary. Enumerators are `type_word` with the C++ API's words, so `ak_activation_silu`. */
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

typedef enum ak_status {
  ak_status_ok = 0,
  ak_status_invalid_argument = 1, /* ak_last_error() names the argument */
  ak_status_unsupported = 2,      /* a dtype mix or GPU that no kernel serves */
  ak_status_missing_library = 3,  /* libcuda, NVRTC or cuBLASLt could not be opened */
  ak_status_driver = 4,           /* a CUDA driver call failed */
  ak_status_out_of_memory = 5,
  ak_status_internal = 6
} ak_status;

typedef enum ak_dtype { ak_dtype_f16 = 0, ak_dtype_bf16 = 1, ak_dtype_f32 = 2 } ak_dtype;
typedef enum ak_order { ak_order_row = 0, ak_order_col = 1 } ak_order;
typedef enum ak_mode { ak_mode_unset = 0, ak_mode_tune = 1, ak_mode_hit = 2, ak_mode_off = 3 } ak_mode;

typedef enum ak_activation {
#define AK_ACTIVATION(name, expression) ak_activation_##name,
#include "ak/activations.def"
#undef AK_ACTIVATION
  ak_activation_count,
  ak_activation_last_own = 254 /* ak_register_activation gives values from ak_activation_count to here */
} ak_activation;

/* A view of a device matrix; ld is the leading dimension in elements. */
typedef struct ak_const_matrix {
  const void* data;
  int64_t rows, cols, ld;
  ak_dtype dtype;
  ak_order order;
} ak_const_matrix;

typedef struct ak_matrix {
  void* data;
  int64_t rows, cols, ld;
  ak_dtype dtype;
  ak_order order;
} ak_matrix;

/* Start from AK_EPILOGUE_INIT. bias: cols(D) elements (gated: 2 * cols(D), the gate's first) or null. c: read only when beta is
 * not 0; may be D itself. gated: D = activation(A.gate) * (A.up), B being k x 2n with the gate's columns first; or the gate
 * alone, with up beside it, both k x n of one dtype, order and ld. D is row-major m x n, beta 0. aux: what the activation is
 * given, in D's dtype and order, m x n (gated: m x 2n, the gate's first); all zero: not stored. row_scale, column_scale:
 * rows(D) and cols(D) (gated: 2 * cols(D)) floats that A.B is multiplied by, before bias; or null. */
typedef struct ak_epilogue {
  ak_activation activation;
  float alpha, beta, slope;
  const void* bias;
  ak_dtype bias_dtype;
  ak_const_matrix c;
  int gated;
  ak_const_matrix up;
  ak_matrix aux;
  const float *row_scale, *column_scale;
} ak_epilogue;

#define AK_NO_MATRIX \
  { NULL, 0, 0, 0, ak_dtype_bf16, ak_order_row }
#define AK_EPILOGUE_INIT \
  { ak_activation_identity, 1.0f, 0.0f, 0.01f, NULL, ak_dtype_bf16, AK_NO_MATRIX, 0, AK_NO_MATRIX, AK_NO_MATRIX, NULL, NULL }

/* One finished trial of a running search. The texts live until the callback returns. */
typedef struct ak_progress {
  const char *problem, *tactic, *outcome, *best;
  double us, best_us;
  int trials;
  double elapsed_s, budget_s;
} ak_progress;

/* Start from AK_OPTIONS_INIT: zero and null leave a setting to the environment, then to its default (ak/ak.hpp has them).
 * size is how much of this struct the caller was compiled with.
 * progress is called on the thread that called the library. llm_key is called on a thread of the library's own; it may block
 * and may still run when its search and its context have ended, so what llm_key_user points at must outlive the process's
 * calls. */
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
} ak_options;

#define AK_OPTIONS_INIT \
  { sizeof(ak_options), NULL, ak_mode_unset, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0 }

/* How a problem is or would be served; texts are cut to their arrays. */
typedef struct ak_explanation {
  char problem[160], hardware[160], served_by[256], source[32], proposer[32], note[256];
  double us, vendor_us, search_s;
  int trials, from_recording;
} ak_explanation;

typedef struct ak_counters {
  int64_t searches, trials, compiles, store_hits, vendor_fallbacks;
  double last_load_s;
  int64_t pack_hits; /* problems that a pack or an import spared a search */
} ak_counters;

/* options may be null. *context is null after a failure. */
AK_API ak_status ak_context_create(const ak_options* options, ak_context** context);
/* Null is allowed. No call on the context may be under way. */
AK_API void ak_context_destroy(ak_context* context);

/* Enqueues the call on the stream. epilogue may be null: identity, alpha 1, no bias, no C. While the stream is captured nothing
 * is searched: a problem that is not known is served by cuBLASLt. A graph must not outlive the context, and graphs captured on
 * one stream share scratch memory: replay them one after the other. */
AK_API ak_status ak_matmul_act(ak_context* context, ak_stream stream, const ak_const_matrix* a, const ak_const_matrix* b,
                               const ak_matrix* d, const ak_epilogue* epilogue);

/* y[tokens, out] = act(x[tokens, in] . w[out, in]^T + bias); bias may be null, of y's dtype. */
AK_API ak_status ak_linear(ak_context* context, ak_stream stream, const ak_const_matrix* x, const ak_const_matrix* w,
                           const void* bias, ak_activation activation, const ak_matrix* y);

/* Load or tune the plan of this call now, without running it. explanation may be null. */
AK_API ak_status ak_prepare(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                            const ak_epilogue* epilogue, ak_explanation* explanation);

/* Which kernel serves this call, why, against what. Starts no search. */
AK_API ak_status ak_explain(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                            const ak_epilogue* epilogue, ak_explanation* explanation);

/* A call to prepare for. epilogue may be null, as everywhere. */
typedef struct ak_call {
  ak_const_matrix a, b;
  ak_matrix d;
  const ak_epilogue* epilogue;
} ak_call;

/* ak_prepare for `count` calls, in order, each problem once. explanations: null, or `count` of them, one a call. progress:
 * null, or called after every problem with how many of all are done and how the last one will be served. A call that cannot be
 * served does not keep the others: its source is "none" and its note says why. Fails where a library is missing or the driver
 * fails, which would keep them all, and for a wrong argument before anything was prepared: the message begins with its place,
 * calls[3]. Then explanations are left as they are. */
AK_API ak_status ak_prepare_many(ak_context* context, const ak_call* calls, size_t count, ak_explanation* explanations,
                                 void (*progress)(size_t done, size_t all, const ak_explanation* last, void* user), void* user);

AK_API ak_status ak_get_counters(ak_context* context, ak_counters* counters);

/* A caller's own activation from an expression of x and slope, as ak::register_activation; *activation is a value for
 * ak_epilogue.activation in this process. */
AK_API ak_status ak_register_activation(const char* expression, ak_activation* activation);

/* What the last failed call of this thread said; "" when none failed. Valid until the thread's next call. */
AK_API const char* ak_last_error(void);
AK_API const char* ak_status_name(ak_status status);
/* "0.1.0" */
AK_API const char* ak_version(void);

#ifdef __cplusplus
}
#endif
#endif
