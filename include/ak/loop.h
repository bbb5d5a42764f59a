/* Loops in C: a C function's loops as GPU kernels that are proven against the function, kept, and launched like it is called.
 * The words and rules are those of ak/loop.hpp. */
#ifndef AK_LOOP_H
#define AK_LOOP_H

#include "ak/ak.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ak_loop ak_loop; /* thread-safe; must not outlive its context */

/* ak/loop.hpp: LoopResidency */
typedef enum ak_loop_residency AK_INT {
  ak_loop_residency_ask = 0,
  ak_loop_residency_device = 1,
  ak_loop_residency_host = 2
} ak_loop_residency;

/* host: the caller's compiled function behind a line that takes the address of each value, in C's order, before them that of
 * what it returns; or null. Of smooth, say:
 *
 *   static void smooth_on_host(void* const* v) { smooth(*(int*)v[0], *(float**)v[1], *(const float**)v[2]); }
 *
 * text: the source itself; the file then only names it. flags: the compiler's, one a word: "-Iinclude", "-DTAPS=5". lengths:
 * "a=n+1", in elements, for parameters whose length neither their text nor their subscripts tell. residency, and unordered
 * unless it is 0, are promises. All of it is copied. */
typedef struct ak_loop_options {
  size_t size;
  void (*host)(void* const* values);
  const char* text;
  const char* const* flags;
  size_t flag_count;
  const char* const* lengths;
  size_t length_count;
  ak_loop_residency residency;
  int unordered;
} ak_loop_options;

#define AK_LOOP_OPTIONS_INIT \
  { sizeof(ak_loop_options), NULL, NULL, NULL, 0, NULL, 0, ak_loop_residency_ask, 0 }

/* Opens no file yet: what is wrong with it, the first call says. context null: the default one. options may be null. *loop is
 * null after a failure: invalid_argument (a name is null or empty, a length is not NAME=LENGTH, residency is none). */
AK_API ak_status ak_loop_open(ak_context* context, const char* file, const char* function, const ak_loop_options* options,
                              ak_loop** loop);
/* No call of it may be on its way; what was enqueued runs on. Waits for the host function where a thread of the library's is in
 * it; none runs it afterwards. Null is allowed. */
AK_API void ak_loop_close(ak_loop* loop);

/* Enqueues what the function does. values: the address of each argument, of exactly the source's types, before them that of the
 * pointer to where what it returns goes, behind them those of the variables of file scope that it uses, by name; count: of all
 * of these. Device pointers, or all of them host pointers: then it returns when it is done. Failures: invalid_argument (the
 * source, its values or their lengths: ak_last_error() names which), unsupported (nothing can serve the function),
 * missing_library (no driver), driver, out_of_memory. */
AK_API ak_status ak_loop_call(const ak_loop* loop, ak_stream stream, void* const* values, size_t count);
/* The same without the call: analysed, proven, timed, kept, within AK_LOOP_BUDGET_S; a later one goes on where that was too
 * short. explanation may be null. Fails as a call does. */
AK_API ak_status ak_loop_prepare(const ak_loop* loop, void* const* values, size_t count, ak_explanation* explanation);
/* What serves such a call, why, against what: us is the kernel's time, vendor_us the C function's, in microseconds, 0 where
 * they were not measured. Starts nothing. explanation may be null. Fails as a call does. */
AK_API ak_status ak_loop_explain(const ak_loop* loop, void* const* values, size_t count, ak_explanation* explanation);
/* Grows when other kernels, or the C function, come to serve some of its calls: graphs that hold them are worth capturing
 * again. */
AK_API ak_status ak_loop_epoch(const ak_loop* loop, uint64_t* epoch);

#ifdef __cplusplus
}
#endif
#endif
