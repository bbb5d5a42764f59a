#include "port/c/trace.hpp"

#include <fmt/format.h>

#include "ak/types.hpp"
#include "base/embedded.hpp"
#include "port/c/c_entry.hpp"
#include "port/c/c_rewrite.hpp"

namespace ak::port {

using loop::Function;
using loop::Parameter;
using loop::ScalarType;

namespace {

// Of trace_runtime.c.
constexpr std::size_t kMostRows = 8192;
struct TracedRow {
  std::int64_t kind, range, from, to, loop, distance;
};
struct Result {
  std::int64_t count = 0, whole = 0;
  TracedRow rows[kMostRows];
};

std::string entry_text(const Function& function) {
  int at = function.returns != ScalarType::none;
  const int result = at + static_cast<int>(function.parameters.size());
  CEntry entry{0, function.name, false, false, {}, {}};
  entry.before_call = fmt::format("ak_trace_begin(ak_args[{}]);\n  ", result);
  for (const Parameter& parameter : function.parameters) {
    if (parameter.pointer)
      entry.before_call += fmt::format("ak_trace_range({0}, (void*){1}, ((long long*)ak_args[{2}])[{0}]);\n  ", at,
                                       parameter.implicit ? parameter.name : fmt::format("ak_args[{}]", at), result + 1);
    ++at;
  }
  entry.after_call = "\n  ak_trace_end();";
  return "void ak_trace_begin(void*), ak_trace_range(int, const void*, unsigned long), ak_trace_end(void);\n" +
         c_text(entry, function);
}

}  // namespace

Tracer::Tracer(const Function& function, const std::string& preprocessed, const CompilerOptions& options,
               const std::vector<std::string>& dropped) {
  Marked text = marked(changed(preprocessed, {false, has_constant_tables(function)}), dropped);
  marks_ = std::move(text.marks);
  CompilerOptions own = options;
  own.optimize = {{}, {"-O0", "-fsanitize=thread"}};  // every access is one of the text's
  program_ = std::make_unique<CProgram>(text.text + "\n" + entry_text(function), 1, own,
                                        std::string(embedded_text("trace_runtime.c")));
}

Tracer::~Tracer() = default;

Tracer::Trace Tracer::run(const Case& given, Deadline deadline) {
  if (!compiled_) program_->await(deadline);
  compiled_ = true;
  std::vector<Memory> memories = given.memories;
  std::vector<std::uint64_t> values;
  std::vector<CProgram::Block> blocks = blocks_of(given, memories, values);
  const auto result = std::make_unique<Result>();
  std::vector<std::int64_t> bytes;
  for (const Argument& argument : given.arguments)
    bytes.push_back(argument.elements * static_cast<std::int64_t>(size_of(argument.type)));
  blocks.push_back({result.get(), sizeof(Result), 0});
  blocks.push_back({bytes.data(), bytes.size() * sizeof(std::int64_t), 0});
  try {
    program_->call(0, blocks, deadline);
  } catch (const Ended& ended) {
    throw Error(ErrorCode::invalid_argument, fmt::format("it ended by {} ({})", ended.how, given.name));
  } catch (const TimedOut&) {
    throw Error(ErrorCode::invalid_argument, fmt::format("it did not end in time ({})", given.name));
  }
  Trace trace;
  trace.whole = result->whole != 0;
  const auto mark = [&](std::int64_t number) { return marks_.at(static_cast<std::size_t>(number)); };
  for (std::int64_t i = 0; i < result->count; ++i) {
    const TracedRow& row = result->rows[i];
    TracedDependence one{
        static_cast<loop::Dependence::Kind>(row.kind), {}, mark(row.from), mark(row.to), mark(row.loop), row.distance};
    const Argument& first = given.arguments.at(static_cast<std::size_t>(row.range));
    one.names.push_back(first.name);
    for (const Argument& other : given.arguments)
      if (other.pointer && other.memory == first.memory && other.name != first.name) one.names.push_back(other.name);
    trace.dependences.push_back(std::move(one));
  }
  return trace;
}

}  // namespace ak::port
