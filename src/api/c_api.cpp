// The one C boundary: structs in, ak::Context called, exceptions turned into a status and a message of the thread.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ak/ak.h"
#include "ak/ak.hpp"
#include "ak/cublas.h"
#include "api/arguments.hpp"
#include "api/c_boundary.hpp"
#include "api/cublas_arguments.hpp"
#include "context/context.hpp"
#include "core/activation.hpp"
#include "gpu/scalar.hpp"
#include "settings.hpp"

static_assert(ak_activation_count == ak::kActivationCount);
static_assert(ak_activation_last_own == ak::kActivationCount + ak::kMostOwnActivations - 1);

using namespace ak::c;

namespace {

// The i-th of an array of structs as large as the caller's.
template <class T>
T* element(T* first, std::size_t size, std::size_t i) {
  using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
  return reinterpret_cast<T*>(reinterpret_cast<Byte*>(first) + i * size);
}

template <class To, class From>
To matrix(const From* given, const char* name) {
  From filled;
  const From& x = read(given, name, filled);
  return {x.data, x.rows, x.cols, x.ld, ak::dtype_of(x.dtype, name), ak::order_of(x.order, name), x.batch, x.batch_stride};
}
ak::ConstMatrix matrix(const ak_const_matrix* x, const char* name) { return matrix<ak::ConstMatrix>(x, name); }
ak::Matrix matrix(const ak_matrix* x, const char* name) { return matrix<ak::Matrix>(x, name); }

// Unset: nullopt.
std::optional<ak::Numerics> numerics_of(std::int64_t value, const char* name) {
  if (value < ak_numerics_unset || value > ak_numerics_batch_invariant)
    throw ak::Error(ak::ErrorCode::invalid_argument, fmt::format("{}: {} is not a numeric policy", name, value));
  if (value == ak_numerics_unset) return std::nullopt;
  return static_cast<ak::Numerics>(value - ak_numerics_fast);
}

// Each member by itself: to zero it as a whole first takes a string instruction, and as long as all else here.
ak::Epilogue epilogue_of(const ak_epilogue* given) {
  if (!given) return {};
  ak_epilogue filled;
  const ak_epilogue& e = read(given, "epilogue", filled);
  const auto optional = [](const auto* x, const char* name) { return x ? matrix(x, name) : decltype(matrix(x, name)){}; };
  return {.activation = ak::activation_of(e.activation, "epilogue.activation"),
          .alpha = e.alpha,
          .beta = e.beta,
          .slope = e.slope,
          .bias = e.bias,
          .bias_dtype = ak::dtype_of(e.bias_dtype, "epilogue.bias_dtype"),
          .c = optional(e.c, "epilogue.c"),
          .gated = e.gated != 0,
          .up = optional(e.up, "epilogue.up"),
          .aux = optional(e.aux, "epilogue.aux"),
          .row_scale = e.row_scale,
          .column_scale = e.column_scale,
          .numerics = numerics_of(e.numerics, "epilogue.numerics")};
}

// Converted in their order, so that the first bad one is named.
ak::Call call_of(const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d, const ak_epilogue* epilogue) {
  return {matrix(a, "a"), matrix(b, "b"), matrix(d, "d"), epilogue_of(epilogue), {}};
}

ak::Options options_of(const ak_options* given) {
  ak_options filled;
  const ak_options& o = given ? read(given, "options", filled) : Sized<ak_options>::init;
  ak::Options options;
  const auto text = [](const char* from, std::optional<std::string>& to) {
    if (from) to = from;
  };
  const auto number = [](auto from, auto& to) {
    if (!(from >= 0))
      throw ak::Error(ak::ErrorCode::invalid_argument, "options: a negative budget or count, or one that is no number");
    if (from > 0) to = from;
  };
  text(o.cache_dir, options.cache_dir);
  text(o.llm, options.llm);
  text(o.llm_endpoint, options.llm_endpoint);
  text(o.llm_model, options.llm_model);
  text(o.recording, options.recording);
  text(o.log_level, options.log_level);
  text(o.worker, options.worker);
  text(o.record_file, options.record_file);
  if (o.packs) options.packs = ak::colon_list(o.packs);
  if (o.shipped != 0) options.shipped = o.shipped > 0;
  number(o.budget_s, options.budget_s);
  number(o.process_budget_s, options.process_budget_s);
  number(o.max_trials, options.max_trials);
  number(o.compile_threads, options.compile_threads);
  number(o.llm_rounds, options.llm_rounds);
  number(o.llm_proposals, options.llm_proposals);
  number(o.llm_tokens, options.llm_tokens);
  number(o.scratch_bytes, options.scratch_bytes);
  number(o.compile_niceness, options.compile_niceness);
  number(o.search_bytes, options.search_bytes);
  if (o.mode < ak_mode_unset || o.mode > ak_mode_record)
    throw ak::Error(ak::ErrorCode::invalid_argument, fmt::format("options.mode: {} is not a mode", static_cast<int>(o.mode)));
  if (o.mode != ak_mode_unset) options.mode = static_cast<ak::Mode>(o.mode - ak_mode_tune);
  if (o.isolation < ak_isolation_unset || o.isolation > ak_isolation_in_process)
    throw ak::Error(ak::ErrorCode::invalid_argument,
                    fmt::format("options.isolation: {} is not an isolation", static_cast<int>(o.isolation)));
  if (o.isolation != ak_isolation_unset) options.isolation = static_cast<ak::Isolation>(o.isolation - ak_isolation_worker);
  if (o.llm_code < ak_llm_code_unset || o.llm_code > ak_llm_code_kept)
    throw ak::Error(ak::ErrorCode::invalid_argument,
                    fmt::format("options.llm_code: {} is none of off, worker, kept", static_cast<int>(o.llm_code)));
  if (o.llm_code != ak_llm_code_unset) options.llm_code = static_cast<ak::LlmCode>(o.llm_code - ak_llm_code_off);
  if (o.scratch_allocate || o.scratch_release)
    options.scratch_allocator = {o.scratch_allocate, o.scratch_release, o.scratch_user};
  options.numerics = numerics_of(o.numerics, "options.numerics");
  number(o.guard_every, options.guard_every);
  number(o.background_share, options.background_share);
  if (o.llm_key)
    options.llm_key = [ask = o.llm_key, user = o.llm_key_user] {
      const char* key = ask(user);
      return std::string(key ? key : "");
    };
  if (o.log)
    options.log = [tell = o.log, user = o.log_user](std::string_view level, std::string_view line) {
      tell(std::string(level).c_str(), std::string(line).c_str(), user);
    };
  if (o.progress)
    options.progress = [tell = o.progress, user = o.progress_user](const ak::TuneProgress& p) {
      const ak_progress progress{p.problem.c_str(), p.tactic.c_str(), p.outcome.c_str(), p.best.c_str(), p.us,
                                 p.best_us,         p.trials,         p.elapsed_s,       p.budget_s};
      tell(&progress, user);
    };
  return options;
}

}  // namespace

ak_explanation ak::c::explanation_of(const ak::Explanation& from) {
  ak_explanation to = AK_EXPLANATION_INIT;
  copy_text(to.problem, from.problem);
  copy_text(to.hardware, from.hardware);
  copy_text(to.served_by, from.served_by);
  copy_text(to.source, from.source);
  copy_text(to.proposer, from.proposer);
  copy_text(to.note, from.note);
  to.us = from.us;
  to.vendor_us = from.vendor_us;
  to.search_s = from.search_s;
  to.trials = from.trials;
  to.from_recording = from.from_recording;
  to.bucket_from = from.bucket.from;
  to.bucket_to = from.bucket.to;
  return to;
}

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
    const ak::Call call = call_of(a, b, d, epilogue);
    context_of(context).matmul_act(stream, call.a, call.b, call.d, call.epilogue);
  });
}

ak_status ak_linear(ak_context* context, ak_stream stream, const ak_const_matrix* x, const ak_const_matrix* w, const void* bias,
                    ak_activation activation, const ak_matrix* y) {
  return guard([&] {
    const auto input = matrix(x, "x"), weight = matrix(w, "w");
    const auto output = matrix(y, "y");
    context_of(context).linear(stream, input, weight, bias, ak::activation_of(activation, "activation"), output);
  });
}

ak_status ak_prepare(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                     const ak_epilogue* epilogue, ak_explanation* explanation) {
  return guard([&] {
    const std::size_t size = explanation ? size_of(explanation, "explanation") : 0;
    const ak::Call call = call_of(a, b, d, epilogue);
    const ak::Explanation told = context_of(context).prepare(call.a, call.b, call.d, call.epilogue);
    if (explanation) write(explanation_of(told), explanation, size);
  });
}

ak_status ak_explain(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                     const ak_epilogue* epilogue, ak_explanation* explanation) {
  return guard([&] {
    const std::size_t size = explanation ? size_of(explanation, "explanation") : 0;
    const ak::Call call = call_of(a, b, d, epilogue);
    const ak::Explanation told = context_of(context).explain(call.a, call.b, call.d, call.epilogue);
    if (explanation) write(explanation_of(told), explanation, size);
  });
}

ak_status ak_prepare_many(ak_context* context, const ak_call* calls, size_t count, ak_explanation* explanations,
                          void (*progress)(size_t done, size_t all, const ak_explanation* last, void* user), void* user) {
  return guard([&] {
    if (count == 0) return;
    const std::size_t stride = size_of(calls, "calls"), told = explanations ? size_of(explanations, "explanations") : 0;
    std::vector<ak::Call> all;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string place = fmt::format("calls[{}]", i);
      ak_call filled;
      const ak_call& each = read(element(calls, stride, i), place.c_str(), filled);
      if (each.size != stride) throw ak::Error(ak::ErrorCode::invalid_argument, place + ": its size differs from calls[0]'s");
      if (explanations && element(explanations, told, i)->size != told)
        throw ak::Error(ak::ErrorCode::invalid_argument,
                        fmt::format("explanations[{}]: its size differs from explanations[0]'s", i));
      try {
        all.push_back(call_of(each.a, each.b, each.d, each.epilogue));
        all.back().tokens = {each.tokens_from, each.tokens_to};
      } catch (const ak::Error& error) {
        throw ak::Error(error.code(), fmt::format("{}: {}", place, error.what()));
      }
    }
    const auto tell = [=](std::size_t done, std::size_t of, const ak::Explanation& last) {
      const ak_explanation shown = explanation_of(last);
      progress(done, of, &shown, user);
    };
    const auto prepared = context_of(context).prepare(all, progress ? ak::PrepareProgress(tell) : ak::PrepareProgress());
    for (std::size_t i = 0; explanations && i < count; ++i)
      write(explanation_of(prepared[i]), element(explanations, told, i), told);
  });
}

ak_status ak_plan_create(ak_context* context, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                         const ak_epilogue* epilogue, ak_plan** plan) {
  if (plan) *plan = nullptr;
  return guard([&] {
    required(plan, "plan");
    const ak::Call call = call_of(a, b, d, epilogue);
    *plan = reinterpret_cast<ak_plan*>(new ak::Plan(context_of(context).plan(call.a, call.b, call.d, call.epilogue)));
  });
}

void ak_plan_destroy(ak_plan* plan) { delete reinterpret_cast<ak::Plan*>(plan); }

ak_status ak_plan_call(ak_plan* plan, ak_stream stream, const ak_const_matrix* a, const ak_const_matrix* b, const ak_matrix* d,
                       const ak_epilogue* epilogue, void* workspace, int64_t workspace_bytes) {
  return guard([&] {
    required(plan, "plan");
    const ak::Call call = call_of(a, b, d, epilogue);
    (*reinterpret_cast<ak::Plan*>(plan))(stream, call.a, call.b, call.d, call.epilogue, {workspace, workspace_bytes});
  });
}

ak_status ak_plan_serves(const ak_plan* plan, int64_t* from, int64_t* to) {
  return guard([&] {
    required(plan, "plan"), required(from, "from"), required(to, "to");
    const ak::TokenRange serves = reinterpret_cast<const ak::Plan*>(plan)->serves();
    *from = serves.from, *to = serves.to;
  });
}

ak_status ak_plan_workspace_bytes(const ak_plan* plan, int64_t* bytes) {
  return guard([&] {
    required(plan, "plan"), required(bytes, "bytes");
    *bytes = reinterpret_cast<const ak::Plan*>(plan)->workspace_bytes();
  });
}

ak_status ak_plan_epoch(const ak_plan* plan, uint64_t* epoch) {
  return guard([&] {
    required(plan, "plan"), required(epoch, "epoch");
    *epoch = reinterpret_cast<const ak::Plan*>(plan)->epoch();
  });
}

ak_status ak_plan_explain(const ak_plan* plan, ak_explanation* explanation) {
  return guard([&] {
    required(plan, "plan");
    const std::size_t size = size_of(explanation, "explanation");
    write(explanation_of(reinterpret_cast<const ak::Plan*>(plan)->explain()), explanation, size);
  });
}

ak_status ak_context_epoch(ak_context* context, uint64_t* epoch) {
  return guard([&] {
    required(epoch, "epoch");
    *epoch = context_of(context).epoch();
  });
}

ak_status ak_get_counters(ak_context* context, ak_counters* counters) {
  return guard([&] {
    const std::size_t size = size_of(counters, "counters");
    const ak::Counters c = context_of(context).counters();
    write({sizeof(ak_counters), c.searches, c.trials, c.compiles, c.store_hits, c.vendor_fallbacks, c.last_load_s, c.pack_hits,
           c.scratch_fallbacks, c.passing_fallbacks, c.retries, c.lease_waits, c.search_peak_bytes, c.guarded, c.guard_unsure,
           c.guard_mismatches, c.guard_demotions},
          counters, size);
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
  static const std::string& version = *new std::string(ak::version());
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
    ak_cublas_epilogue filled;
    const ak_cublas_epilogue& e = epilogue ? read(epilogue, "epilogue", filled) : Sized<ak_cublas_epilogue>::init;
    ak::CanonicalCall call =
        ak::canonicalize_cublas({transa, transb, m, n, k, ak::read_scalar(alpha, stream, "alpha"), A, Atype, lda, B, Btype, ldb,
                                 ak::read_scalar(beta, stream, "beta"), C, Ctype, ldc, computeType, e});
    ak::Context::Impl& impl = context_of(context).impl();
    call.problem.numerics = impl.numerics({});
    if (!call.empty) impl.matmul_act(stream, call.problem, call.args);
  });
}

}  // extern "C"
