// The one C boundary: structs in, ak::Context called, exceptions turned into a status and a message of the thread.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "ak/ak.h"
#include "ak/ak.hpp"
#include "ak/cublas.h"
#include "api/cublas_arguments.hpp"
#include "context/context.hpp"
#include "core/activation.hpp"
#include "settings.hpp"

static_assert(ak_activation_count == ak::kActivationCount);
static_assert(ak_activation_last_own == ak::kActivationCount + ak::kMostOwnActivations - 1);

namespace {

thread_local char last_error[1024] = "";

void copy_text(char* to, std::size_t capacity, std::string_view text) {
  const std::size_t length = std::min(capacity - 1, text.size());
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}
template <std::size_t capacity>
void copy_text(char (&to)[capacity], std::string_view text) {
  copy_text(to, capacity, text);
}

ak_status fail(ak_status status, const char* message) {
  copy_text(last_error, message);
  return status;
}

template <class F>
ak_status guard(F&& body) noexcept {
  try {
    body();
    return ak_status_ok;
  } catch (const ak::Error& error) {
    return fail(static_cast<ak_status>(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ak_status_out_of_memory, "no host memory");
  } catch (const std::exception& error) {
    return fail(ak_status_internal, error.what());
  } catch (...) {
    return fail(ak_status_internal, "an exception of unknown type");
  }
}

template <class T>
const T& required(const T* pointer, const char* name) {
  if (!pointer) throw ak::Error(ak::ErrorCode::invalid_argument, std::string(name) + ": is null");
  return *pointer;
}

ak::ConstMatrix matrix(const ak_const_matrix& x) {
  return {x.data, x.rows, x.cols, x.ld, ak::narrowed<ak::DType>(x.dtype), ak::narrowed<ak::Order>(x.order)};
}
ak::ConstMatrix matrix(const ak_const_matrix* x, const char* name) { return matrix(required(x, name)); }
ak::Matrix matrix(const ak_matrix& x) {
  return {x.data, x.rows, x.cols, x.ld, ak::narrowed<ak::DType>(x.dtype), ak::narrowed<ak::Order>(x.order)};
}
ak::Matrix matrix(const ak_matrix* x, const char* name) { return matrix(required(x, name)); }

ak::Epilogue epilogue_of(const ak_epilogue* e) {
  ak::Epilogue out;
  if (!e) return out;
  out.activation = ak::narrowed<ak::Activation>(e->activation);
  out.alpha = e->alpha, out.beta = e->beta, out.slope = e->slope;
  out.bias = e->bias, out.bias_dtype = ak::narrowed<ak::DType>(e->bias_dtype);
  out.c = matrix(e->c);
  out.gated = e->gated != 0;
  out.up = matrix(e->up);
  out.aux = matrix(e->aux);
  out.row_scale = e->row_scale, out.column_scale = e->column_scale;
  return out;
}

// One call's arguments, converted in their order, so that the first bad one is named.
struct Call {
  ak::ConstMatrix a, b;
  ak::Matrix d;
  ak::Epilogue epilogue;

  Call(const ak_const_matrix* a_, const ak_const_matrix* b_, const ak_matrix* d_, const ak_epilogue* e)
      : a(matrix(a_, "a")), b(matrix(b_, "b")), d(matrix(d_, "d")), epilogue(epilogue_of(e)) {}
};

ak::Context& context_of(ak_context* context) {
  return context ? *reinterpret_cast<ak::Context*>(context) : ak::default_context();
}

ak::Options options_of(const ak_options* given) {
  ak_options o = AK_OPTIONS_INIT;
  if (given) {
    if (given->size < sizeof(std::size_t) || given->size > 4096)
      throw ak::Error(ak::ErrorCode::invalid_argument, "options: size is not set; start from AK_OPTIONS_INIT");
    std::memcpy(&o, given, std::min(given->size, sizeof o));
  }
  ak::Options options;
  const auto text = [](const char* from, std::optional<std::string>& to) {
    if (from) to = from;
  };
  const auto number = [](auto from, auto& to) {
    if (from < 0) throw ak::Error(ak::ErrorCode::invalid_argument, "options: a negative budget or count");
    if (from > 0) to = from;
  };
  text(o.cache_dir, options.cache_dir);
  text(o.llm, options.llm);
  text(o.llm_endpoint, options.llm_endpoint);
  text(o.llm_model, options.llm_model);
  text(o.recording, options.recording);
  if (o.packs) options.packs = ak::colon_list(o.packs);
  if (o.shipped != 0) options.shipped = o.shipped > 0;
  number(o.budget_s, options.budget_s);
  number(o.process_budget_s, options.process_budget_s);
  number(o.max_trials, options.max_trials);
  number(o.llm_rounds, options.llm_rounds);
  number(o.llm_proposals, options.llm_proposals);
  number(o.llm_tokens, options.llm_tokens);
  number(o.scratch_bytes, options.scratch_bytes);
  if (o.mode < ak_mode_unset || o.mode > ak_mode_off)
    throw ak::Error(ak::ErrorCode::invalid_argument, "options: mode is not an ak_mode");
  if (o.mode != ak_mode_unset) options.mode = static_cast<ak::Mode>(o.mode - ak_mode_tune);
  if (o.llm_key)
    options.llm_key = [ask = o.llm_key, user = o.llm_key_user] {
      const char* key = ask(user);
      return std::string(key ? key : "");
    };
  if (o.progress)
    options.progress = [tell = o.progress, user = o.progress_user](const ak::TuneProgress& p) {
      const ak_progress progress{p.problem.c_str(), p.tactic.c_str(), p.outcome.c_str(), p.best.c_str(), p.us,
                                 p.best_us,         p.trials,         p.elapsed_s,       p.budget_s};
      tell(&progress, user);
    };
  return options;
}

void copy_out(const ak::Explanation& from, ak_explanation* to) {
  if (!to) return;
  *to = {};
  copy_text(to->problem, from.problem);
  copy_text(to->hardware, from.hardware);
  copy_text(to->served_by, from.served_by);
  copy_text(to->source, from.source);
  copy_text(to->proposer, from.proposer);
  copy_text(to->note, from.note);
  to->us = from.us;
  to->vendor_us = from.vendor_us;
  to->search_s = from.search_s;
  to->trials = from.trials;
  to->from_recording = from.from_recording;
}

}  // namespace

extern "C" {

ak_status ak_context_create(const ak_options* options, ak_context** context) {
  if (context) *context = nullptr;
  return guard([&] {
    required(context, "context");
    *context = reinterpret_cast<ak_context*>(new ak::Context(options_of(options)));
  });
}

void ak_context_destroy(ak_context* context) { delete reinterpret_cast<ak::Context*>(context); }

ak_status ak_matmul_act(ak_context* context, ak_stream stream, const ak_const_matrix* a, const ak_const_matrix* b,
                        const ak_matrix* d, const ak_epilogue* epilogue) {
  return guard([&] {
    const Call call(a, b, d, epilogue);
    context_of(context).matmul_act(stream, call.a, call.b, call.d, call.epilogue);
  });
}

ak_status ak_linear(ak_context* context, ak_stream stream, const ak_const_matrix* x, const ak_const_matrix* w, const void* bias,
                    ak_activation activation, const ak_matrix* y) {
  return guard([&] {
    const auto input = matrix(x, "x"), weight = matrix(w, "w");
    context_of(context).linear(stream, input, weight, bias, ak::narrowed<ak::Activation>(activation), matrix(y, "y"));
  });
}

ak_status ak_prepare(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                     const ak_epilogue* epilogue, ak_explanation* explanation) {
  return guard([&] {
    const Call call(a, b, d, epilogue);
    copy_out(context_of(context).prepare(call.a, call.b, call.d, call.epilogue), explanation);
  });
}

ak_status ak_explain(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                     const ak_epilogue* epilogue, ak_explanation* explanation) {
  return guard([&] {
    const Call call(a, b, d, epilogue);
    copy_out(context_of(context).explain(call.a, call.b, call.d, call.epilogue), explanation);
  });
}

ak_status ak_prepare_many(ak_context* context, const ak_call* calls, size_t count, ak_explanation* explanations,
                          void (*progress)(size_t done, size_t all, const ak_explanation* last, void* user), void* user) {
  return guard([&] {
    if (count == 0) return;
    required(calls, "calls");
    std::vector<ak::Call> all;
    for (const ak_call& each : std::span(calls, count))
      all.push_back({matrix(each.a), matrix(each.b), matrix(each.d), epilogue_of(each.epilogue)});
    const auto tell = [=](std::size_t done, std::size_t of, const ak::Explanation& last) {
      ak_explanation told;
      copy_out(last, &told);
      progress(done, of, &told, user);
    };
    const auto prepared = context_of(context).prepare(all, progress ? ak::PrepareProgress(tell) : ak::PrepareProgress());
    for (std::size_t i = 0; explanations && i < count; ++i) copy_out(prepared[i], &explanations[i]);
  });
}

ak_status ak_get_counters(ak_context* context, ak_counters* counters) {
  return guard([&] {
    required(counters, "counters");
    const ak::Counters c = context_of(context).counters();
    *counters = {c.searches, c.trials, c.compiles, c.store_hits, c.vendor_fallbacks, c.last_load_s, c.pack_hits};
  });
}

ak_status ak_register_activation(const char* expression, ak_activation* activation) {
  return guard([&] {
    required(expression, "expression"), required(activation, "activation");
    *activation = static_cast<ak_activation>(ak::register_activation(expression));
  });
}

const char* ak_last_error(void) { return last_error; }

const char* ak_status_name(ak_status status) {
  switch (status) {
    case ak_status_ok:
      return "ok";
    case ak_status_invalid_argument:
      return "invalid argument";
    case ak_status_unsupported:
      return "unsupported";
    case ak_status_missing_library:
      return "missing library";
    case ak_status_driver:
      return "driver";
    case ak_status_out_of_memory:
      return "out of memory";
    case ak_status_internal:
      return "internal";
  }
  return "unknown status";
}

const char* ak_version(void) {
  static const std::string version = ak::version();
  return version.c_str();
}

ak_status ak_cublasGemmEx(ak_context* context, ak_stream stream, int transa, int transb, int m, int n, int k, const void* alpha,
                          const void* A, int Atype, int lda, const void* B, int Btype, int ldb, const void* beta, void* C,
                          int Ctype, int ldc, int computeType, int /*algo*/, ak_activation activation, float slope,
                          const void* bias, int biasType) {
  ak_cublas_epilogue epilogue = AK_CUBLAS_EPILOGUE_INIT;
  epilogue.activation = activation, epilogue.slope = slope, epilogue.bias = bias, epilogue.biasType = biasType;
  return ak_cublasGemmEpilogue(context, stream, transa, transb, m, n, k, alpha, A, Atype, lda, B, Btype, ldb, beta, C, Ctype,
                               ldc, computeType, 0, &epilogue);
}

ak_status ak_cublasGemmEpilogue(ak_context* context, ak_stream stream, int transa, int transb, int m, int n, int k,
                                const void* alpha, const void* A, int Atype, int lda, const void* B, int Btype, int ldb,
                                const void* beta, void* C, int Ctype, int ldc, int computeType, int /*algo*/,
                                const ak_cublas_epilogue* epilogue) {
  return guard([&] {
    const ak_cublas_epilogue none = AK_CUBLAS_EPILOGUE_INIT;
    const ak::CanonicalCall call = ak::canonicalize_cublas({transa, transb, m, n, k, alpha, A, Atype, lda, B, Btype, ldb, beta,
                                                            C, Ctype, ldc, computeType, epilogue ? *epilogue : none});
    if (!call.empty) context_of(context).impl().matmul_act(stream, call.problem, call.args);
  });
}

}  // extern "C"
