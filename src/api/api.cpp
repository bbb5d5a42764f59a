// The C++ API: every call is canonicalize(), then Context::Impl.
#include <fmt/format.h>

#include <mutex>
#include <set>
#include <string>

#include "ak/ak.hpp"
#include "api/arguments.hpp"
#include "base/environment.hpp"
#include "context/context.hpp"
#include "core/activation.hpp"
#include "core/bucket.hpp"
#include "core/expression.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

namespace ak {
namespace {

Explanation nothing_to_do() {
  Explanation nothing;
  nothing.source = "none";
  nothing.served_by = "nothing to compute: D has no elements";
  return nothing;
}

// A call's problem is of its own policy, or of its context's.
template <class... Arguments>
CanonicalCall canonical(const Context::Impl& impl, const ConstMatrix& a, const ConstMatrix& b, const Matrix& d,
                        const Epilogue& epilogue, const Arguments&... arguments) {
  CanonicalCall call = canonicalize(a, b, d, epilogue, arguments...);
  call.problem.numerics = impl.numerics(epilogue.numerics);
  return call;
}

}  // namespace

Context::Context(const Options& options) : impl_(std::make_unique<Impl>(resolve(options))) {}
Context::~Context() = default;

void Context::matmul_act(Stream stream, const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue) {
  const CanonicalCall call = canonical(*impl_, a, b, d, epilogue);
  if (!call.empty) impl_->matmul_act(stream, call.problem, call.args);
}

void Context::linear(Stream stream, const ConstMatrix& x, const ConstMatrix& w, const void* bias, Activation activation,
                     const Matrix& y) {
  Epilogue epilogue;
  epilogue.activation = activation;
  epilogue.bias = bias;
  epilogue.bias_dtype = y.dtype;
  static constexpr ArgumentNames kNames{"x", "w", "c", "y", "bias", "activation"};
  const CanonicalCall call = canonical(*impl_, x, w.transposed(), y, epilogue, Pointers::required, kNames);
  if (!call.empty) impl_->matmul_act(stream, call.problem, call.args);
}

Explanation Context::prepare(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue) {
  const CanonicalCall call = canonical(*impl_, a, b, d, epilogue, Pointers::optional);
  return call.empty ? nothing_to_do() : impl_->prepare(call.problem);
}

std::vector<Explanation> Context::prepare(const std::vector<Call>& calls, const PrepareProgress& progress) {
  std::vector<CanonicalCall> all;
  std::vector<Context::Impl::Wanted> wanted;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    try {
      all.push_back(canonical(*impl_, calls[i].a, calls[i].b, calls[i].d, calls[i].epilogue, Pointers::optional));
      if (calls[i].tokens != TokenRange{}) {
        check_tokens(calls[i].tokens);
        if ((calls[i].d.order == Order::row ? calls[i].d.rows : calls[i].d.cols) == 0)  // nothing is told of how they lie
          throw Error(ErrorCode::invalid_argument, "tokens: the matrices are those of any number of them, not of none");
      }
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("calls[{}]: {}", i, error.what()));
    }
    if (!all.back().empty) wanted.push_back({all.back().problem, calls[i].tokens});
  }
  auto prepared = impl_->prepare(wanted, progress);
  std::vector<Explanation> explanations;
  auto next = prepared.begin();
  for (const CanonicalCall& call : all) explanations.push_back(call.empty ? nothing_to_do() : std::move(*next++));
  return explanations;
}

Explanation Context::explain(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue) {
  const CanonicalCall call = canonical(*impl_, a, b, d, epilogue, Pointers::optional);
  return call.empty ? nothing_to_do() : impl_->explain(call.problem);
}

Counters Context::counters() const { return impl_->counters(); }

// Never destroyed: at exit the driver may be gone before us.
Context& default_context() {
  static Context* context = new Context;
  return *context;
}

void matmul_act(Stream stream, const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& epilogue) {
  default_context().matmul_act(stream, a, b, d, epilogue);
}

void linear(Stream stream, const ConstMatrix& x, const ConstMatrix& w, const void* bias, Activation activation,
            const Matrix& y) {
  default_context().linear(stream, x, w, bias, activation, y);
}

// What does not compile takes no place among those of the process. Each text is compiled once; where nothing can be, what the
// grammar takes is taken, as from a record: kernels made elsewhere may be there.
Activation register_activation(std::string_view expression) {
  static std::mutex mutex;
  static auto* const compiling = new std::set<std::string, std::less<>>;
  read_environment();
  const Expression parsed = Expression::parse(expression);
  const auto checked = [&] {
    const std::lock_guard lock(mutex);
    return compiling->contains(parsed.text());
  };
  if (!checked() && compiler_available()) {
    // Any architecture says whether it compiles, and none needs a GPU.
    const Compiled compiled = compile(activation_check_source(parsed), "sm_80");
    if (compiled.cubin.empty())
      throw Error(ErrorCode::invalid_argument, fmt::format("activation '{}' does not compile: {}", expression, compiled.log));
    const std::lock_guard lock(mutex);
    compiling->emplace(parsed.text());
  }
  return own_activation(expression);
}

std::string version() { return fmt::format("{}.{}.{}", AK_VERSION_MAJOR, AK_VERSION_MINOR, AK_VERSION_PATCH); }

}  // namespace ak
