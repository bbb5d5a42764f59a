#include "port/c/oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ak/types.hpp"
#include "port/c/c_entry.hpp"
#include "port/c/c_rewrite.hpp"

namespace ak::port {

using loop::Function;

namespace {

std::string entry(int number, const Function& function, const std::string& callee, bool arguments_for_implicit,
                  bool with_counts) {
  return c_text({number, callee, arguments_for_implicit, with_counts, {}, {}}, function);
}

bool names_extrema(std::string_view text) {
  return text.find("fmax") != std::string_view::npos || text.find("fmin") != std::string_view::npos;
}

}  // namespace

bool either_zero(const Function& function) {
  bool found = false;
  loop::for_each_node(function.body, [&](const loop::Node& node) {
    for (const loop::Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end})
      loop::for_each(*term, [&](const loop::Term& part) {
        found = found || (part.kind == loop::Term::Kind::call && names_extrema(part.text));
      });
  });
  return found;
}

Oracle::Oracle(const Function& function, const std::optional<Source>& source, CompilerOptions options, Deadline deadline)
    : name_(function.name), options_(options) {
  find_compiler(options.compiler);  // says so before anything else
  if (!source && function.body.empty())
    throw Error(ErrorCode::invalid_argument, fmt::format("'{}' has neither a text nor a normal form", function.name));
  const auto compiled = [&](const std::string& text, int entries) {
    return std::make_unique<CProgram>(text, entries, options);
  };
  if (!function.body.empty()) {
    instrumented_ = instrumented(function, "ak_walk");
    normal_ = std::make_unique<Function>(function);
    const Function wide = in_double(loop::flattened(function));
    const std::string text = "#include <math.h>\n#include <stdlib.h>\n" + instrumented_.text + c_function(wide, "ak_double") +
                             entry(0, function, "ak_walk", true, true) + entry(1, wide, "ak_double", true, false);
    CompilerOptions own = options;  // the user's text may be of an older C
    std::erase_if(own.flags, [](const std::string& flag) { return flag.starts_with("-std=") || flag == "-ansi"; });
    walker_ = std::make_unique<CProgram>(text, 2, own);
  }
  if (source) {
    text_ = preprocessed(*source, options, deadline);
    const bool without_const = has_constant_tables(function);
    called_ = changed(text_, {false, without_const}) + "\n" + entry(0, function, function.name, false, false);
    source_ = compiled(called_, 1);
    if (function.body.empty())
      source_in_double_ = compiled(changed(text_, {true, without_const}) + "\n" +
                                       changed(entry(0, function, function.name, false, false), {true, false}),
                                   1);
  }
  for (CProgram* program : {source_.get(), source_in_double_.get(), walker_.get()})
    if (program) program->await(deadline);
  either_zero_ = function.body.empty() ? names_extrema(text_) : either_zero(function);
}

Oracle::~Oracle() = default;

std::vector<Memory> Oracle::call(CProgram& program, int number, const Case& given, std::vector<Memory> memories, bool wide,
                                 std::vector<std::int64_t>* counts, Deadline deadline) {
  std::vector<std::uint64_t> values;
  std::vector<CProgram::Block> blocks = blocks_of(given, memories, values, wide);
  if (counts) blocks.push_back({counts->data(), counts->size() * sizeof(std::int64_t), 0});
  try {
    program.call(number, blocks, deadline.sooner(call_seconds));
  } catch (const Ended& ended) {
    throw Unfit(fmt::format("the C function '{}' ended by {} ({})", name_, ended.how, given.name));
  } catch (const TimedOut&) {
    throw Error(code_of_late(deadline), fmt::format("the C function '{}' did not end in time ({})", name_, given.name));
  }
  return memories;
}

Expected Oracle::run(const Case& given, Deadline deadline) {
  Expected expected;
  expected.either_zero = either_zero_;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(instrumented_.counts()));
  expected.c = source_ ? call(*source_, 0, given, given.memories, false, nullptr, deadline)
                       : call(*walker_, 0, given, given.memories, false, &counts, deadline);
  expected.in_double = walker_ ? call(*walker_, 1, given, widened(given.memories), true, nullptr, deadline)
                               : call(*source_in_double_, 0, given, widened(given.memories), true, nullptr, deadline);
  return expected;
}

std::optional<Oracle::Walk> Oracle::walk(const Case& given, Deadline deadline) {
  if (!walker_) return std::nullopt;
  Walk walk;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(instrumented_.counts()));
  walk.left = call(*walker_, 0, given, given.memories, false, &counts, deadline);
  const auto turns = counts.begin() + instrumented_.turns();
  walk.taken.assign(counts.begin() + Instrumented::kSides, turns);
  walk.turns = turns == counts.end() || *std::max_element(turns, counts.end()) > 1;
  if (counts[Instrumented::kOutside]) {
    const loop::Node* node = loop::find_node(*normal_, static_cast<int>(counts[Instrumented::kStatement]));
    walk.outside = fmt::format("line {}: subscript {}", node ? node->line : 0, counts[Instrumented::kSubscript]);
  }
  return walk;
}

bool Oracle::overflows(const Case& given, Deadline deadline) {
  if (called_.empty()) return false;
  CompilerOptions options = options_;
  options.optimize = {{"-O1"}, {"-fsanitize=signed-integer-overflow", "-fsanitize-undefined-trap-on-error"}};
  try {
    CProgram program(called_, 1, options);
    program.await(deadline);
    call(program, 0, given, given.memories, false, nullptr, deadline);
  } catch (const Unfit&) {
    return true;
  } catch (const Error&) {
  }
  return false;
}

std::optional<std::string> Oracle::disagreement(const Case& given, const Expected& expected, const Walk& walk) const {
  if (!source_) return std::nullopt;
  const auto apart = differs(given, expected.c, walk.left, either_zero_);
  if (!apart || !rounds_otherwise) return apart;
  // Held to the normal form and its conditioning: its own double has nothing of the text.
  const Judgement judgement = judge(given, {walk.left, expected.in_double}, expected.c, false);
  return judgement.right() ? std::nullopt : std::optional(judgement.fault);
}

}  // namespace ak::port
