#include "port/artifacts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "ak/types.hpp"
#include "base/atomic_file.hpp"
#include "base/embedded.hpp"
#include "jit/source.hpp"
#include "port/artifact_names.hpp"
#include "port/c/instrument.hpp"
#include "port/c/oracle.hpp"
#include "port/candidates.hpp"

namespace ak::port {

using loop::Function;
using loop::Parameter;
using loop::ScalarType;
using loop::Term;

namespace {

// Without contraction, as they are proven.
constexpr const char* kNvcc = "nvcc -O3 -fmad=false -gencode=arch=compute_90a,code=sm_90a";

std::string embedded(std::string_view name) { return std::string(embedded_text(name)); }

std::string joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ", ")); }

std::string string_literal(std::string_view text) {
  std::string all = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') all += '\\';
    all += c < ' ' && c >= 0 ? ' ' : c;
  }
  return all + "\"";
}

bool is_integer(const Parameter& parameter) { return !parameter.pointer && !is_real(parameter.type); }

class Texts {
 public:
  explicit Texts(const Artifact& artifact)
      : artifact_(artifact),
        function_(loop::flattened(artifact.function)),
        candidate_(artifact.candidate),
        name_(function_.name),
        names_(declared_names(function_)),
        roles_(roles_of(artifact.function)) {
    if (!is_identifier(name_)) throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is no name of a C function", name_));
  }

  std::vector<ArtifactFile> files() const {
    const std::vector<std::string> texts = {
        kernels(),
        header(),
        c_functions(),
        calls(),
        fmt::format("// Whether the kernels of {0} are right.\n#include \"{0}_calls.cuh\"\n\n", name_) +
            embedded("artifact_test.cu"),
        fmt::format("// {0} in C on one core, and its kernels: with the data on the GPU, and copied there and back.\n"
                    "#include \"{0}_calls.cuh\"\n\n",
                    name_) +
            embedded("artifact_bench.cu"),
        embedded("artifact_harness.cuh"),
        readme()};
    const std::vector<std::string> names = artifact_names(name_);
    std::vector<ArtifactFile> made;
    for (std::size_t i = 0; i < texts.size(); ++i) made.push_back({names[i], texts[i]});
    return made;
  }

 private:
  bool has_scratch() const { return !candidate_.scratch.empty(); }
  const std::string& declared(const Parameter& parameter) const { return names_.at(parameter.name); }

  /// `int n, float* a, const float* b`, in double where that is asked.
  std::string parameters(bool with_result, bool wide = false) const {
    std::vector<std::string> all;
    const auto add = [&](ScalarType type, bool pointer, bool constant, const std::string& name) {
      if (wide && type == ScalarType::f32) type = ScalarType::f64;
      all.push_back(fmt::format("{}{}{} {}", pointer && constant ? "const " : "", c_name(type), pointer ? "*" : "", name));
    };
    if (with_result && returns()) add(function_.returns, true, false, loop::kResult);
    for (const Parameter& parameter : function_.parameters)
      add(parameter.type, parameter.pointer, parameter.constant, declared(parameter));
    return joined(all);
  }
  bool returns() const { return function_.returns != ScalarType::none; }
  static std::string or_void(std::string parameters) { return parameters.empty() ? "void" : parameters; }

  std::string behind(const char* first) const {
    const std::string all = parameters(true);
    return all.empty() ? first : fmt::format("{}, {}", first, all);
  }

  /// Of the integer parameters, as `int n` or by what `as` makes of a parameter.
  std::string integers(const std::function<std::string(const Parameter&)>& as) const {
    std::vector<std::string> all;
    for (const Parameter& parameter : function_.parameters)
      if (is_integer(parameter)) all.push_back(as(parameter));
    return joined(all);
  }
  std::string integer_parameters() const {
    return integers([&](const Parameter& one) { return fmt::format("{} {}", c_name(one.type), declared(one)); });
  }

  /// "rows = 256, a = b + 1 elements": what calls must have; empty: nothing.
  std::string facts_text() const {
    std::vector<std::string> facts;
    for (const auto& [name, value] : artifact_.facts.integers) facts.push_back(fmt::format("{} = {}", name, value));
    for (const Overlap& one : artifact_.facts.overlaps)
      facts.push_back(fmt::format("{} = {} + {} elements", one.pointer, one.base, one.offset));
    return joined(facts);
  }

  // ---- NAME.h

  std::string header() const {
    const std::string facts = facts_text();
    std::string text = fmt::format(
        "/* {0}: its kernels in {0}.cu, and in {0}_c.c the C function that they stand for. */\n"
        "#pragma once\n\n#include <cuda_runtime_api.h>\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n"
        "/* Enqueues the kernels; a cudaError_t. The C function's arguments, pointers of the device{1}.{2}{4} */\n"
        "int {0}_launch({3});\n",
        name_, returns() ? ",\n   and before them where to put what it returns" : "",
        has_scratch() ? "\n   Takes scratch memory from the device's pool and gives it back, in the stream." : "",
        behind("cudaStream_t stream"), facts.empty() ? "" : fmt::format("\n   Right only for {}.", facts));
    if (has_scratch())
      text += fmt::format(
          "/* The same with scratch memory of the caller's, of so many bytes; one launch at a time may use it. */\n"
          "int {0}_launch_with({1});\nlong long {0}_scratch_bytes({2});\n",
          name_, behind("cudaStream_t stream, void* scratch"), or_void(integer_parameters()));
    text += fmt::format("\n/* The C function in its normal form: arrays of file scope are parameters. */\n{} {}_c({});\n",
                        c_name(function_.returns), name_, or_void(parameters(false)));
    text += fmt::format("/* The same with doubles for floats. */\n{} {}_in_double({});\n", c_name(wide(function_.returns)),
                        name_, or_void(parameters(false, true)));
    return text + "\n#ifdef __cplusplus\n}\n#endif\n";
  }

  static ScalarType wide(ScalarType type) { return type == ScalarType::f32 ? ScalarType::f64 : type; }

  // ---- NAME.cu

  /// In 64 bits, as loop::evaluate computes it.
  std::string geometry(const Term& term) const {
    loop::Substitute substitute;
    substitute = [&](const Term& part) -> std::optional<std::string> {
      if (part.kind == Term::Kind::scalar) {
        if (part.text == loop::kSms) return part.text;
        const Parameter* parameter = loop::find_parameter(function_, part.text);
        if (parameter && is_integer(*parameter)) return declared(*parameter);
      }
      const bool divides = part.kind == Term::Kind::binary && (part.text == "/" || part.text == "%");
      if (divides && (part.terms[1].kind != Term::Kind::integer || part.terms[1].text == "0"))
        return fmt::format("ak::{}({}, {})", part.text == "/" ? "quotient" : "remainder",
                           loop::c_text(part.terms[0], substitute), loop::c_text(part.terms[1], substitute));
      if (part.kind == Term::Kind::scalar || part.kind == Term::Kind::element || part.kind == Term::Kind::real ||
          part.kind == Term::Kind::call)
        throw Error(ErrorCode::unsupported,
                    fmt::format("the geometry of '{}' needs {}, which no integer parameter tells", name_, loop::c_text(part)));
      return std::nullopt;
    };
    return loop::c_text(term, substitute);
  }

  std::string kernels() const {
    std::string text = kernel_file("loop.cuh") + "\n" + candidate_.text;
    // It stands in the file itself.
    if (const auto once = text.find("#pragma once\n"); once != text.npos) text.erase(once, 13);
    return fmt::format("// {0}: {1}\n// {2}\n#include <cuda_runtime.h>\n\n#include \"{0}.h\"\n\n", name_, artifact_.tactic,
                       artifact_.verdict) +
           "#pragma nv_diagnostic push\n" + text + "#pragma nv_diagnostic pop\n\n" + embedded("artifact_launcher.cuh") + "\n" +
           launcher();
  }

  std::string launcher() const {
    std::string text =
        fmt::format("namespace {{\n\nstruct Geometry_ {{\n  long long blocks[{}];\n", candidate_.launches.size());
    if (has_scratch()) text += fmt::format("  long long at[{}], zeroed, bytes;  // of scratch\n", candidate_.scratch.size());
    text += fmt::format("}};\n\nGeometry_ geometry_({}) {{\n",
                        integers([&](const Parameter& one) { return "[[maybe_unused]] long long " + declared(one); }));
    std::string body;
    for (std::size_t i = 0; i < candidate_.launches.size(); ++i)
      body += fmt::format("  g_.blocks[{}] = {};\n", i, geometry(candidate_.launches[i].blocks));
    for (const bool zeroed : {true, false}) {
      for (std::size_t i = 0; i < candidate_.scratch.size(); ++i) {
        const loop::Scratch& one = candidate_.scratch[i];
        if (one.zeroed != zeroed) continue;
        body += fmt::format("  g_.at[{}] = g_.bytes;  // {}\n", i, one.name);
        body += fmt::format("  g_.bytes += ak::scratch_bytes({}, {});\n", geometry(one.elements), size_of(one.type));
      }
      if (zeroed && has_scratch()) body += "  g_.zeroed = g_.bytes;\n";
    }
    if (body.find(loop::kSms) != body.npos) text += fmt::format("  const long long {} = ak::multiprocessors();\n", loop::kSms);
    text += "  Geometry_ g_ = {};\n" + body + "  return g_;\n}\n\n}  // namespace\n\n";
    const std::string values = integers([&](const Parameter& one) { return declared(one); });
    if (!has_scratch()) {
      return text + fmt::format("extern \"C\" int {}_launch({}) {{\n", name_, behind("cudaStream_t stream")) +
             launches(values) + "}\n";
    }
    text += fmt::format("extern \"C\" long long {}_scratch_bytes({}) {{ return geometry_({}).bytes; }}\n\n", name_,
                        integer_parameters(), values);
    text += fmt::format("extern \"C\" int {}_launch_with({}) {{\n", name_, behind("cudaStream_t stream, void* scratch")) +
            launches(values) + "}\n\n";
    std::vector<std::string> arguments{"stream", "scratch_"};
    if (returns()) arguments.push_back(loop::kResult);
    for (const Parameter& parameter : function_.parameters) arguments.push_back(declared(parameter));
    text += fmt::format(
        "extern \"C\" int {0}_launch({1}) {{\n"
        "  void* scratch_ = nullptr;\n"
        "  const long long bytes_ = {0}_scratch_bytes({2});\n"
        "  cudaError_t error_ = bytes_ > 0 ? cudaMallocAsync(&scratch_, static_cast<size_t>(bytes_), stream) : cudaSuccess;\n"
        "  if (error_ != cudaSuccess) return error_;\n"
        "  const int launched_ = {0}_launch_with({3});\n"
        "  if (scratch_) error_ = cudaFreeAsync(scratch_, stream);\n"
        "  return launched_ != cudaSuccess ? launched_ : error_;\n}}\n",
        name_, behind("cudaStream_t stream"), values, joined(arguments));
    return text;
  }

  std::string launches(const std::string& values) const {
    std::string text = fmt::format("  const Geometry_ g_ = geometry_({});\n", values);
    std::vector<std::string> addresses;
    if (returns()) addresses.push_back(fmt::format("&{}", loop::kResult));
    for (const Parameter& parameter : function_.parameters)
      addresses.push_back(parameter.pointer && parameter.constant ? fmt::format("(void*)&{}", declared(parameter))
                                                                  : "&" + declared(parameter));
    if (has_scratch()) {
      std::vector<std::string> places;
      for (std::size_t i = 0; i < candidate_.scratch.size(); ++i) {
        places.push_back(fmt::format("static_cast<char*>(scratch) + g_.at[{}]", i));
        addresses.push_back(fmt::format("&places_[{}]", i));
      }
      text += fmt::format("  void* places_[] = {{{}}};\n", joined(places));
    }
    text += fmt::format("  void* arguments_[] = {{{}}};\n", addresses.empty() ? "nullptr" : joined(addresses));
    for (const Parameter& parameter : function_.parameters) {
      const auto fact = artifact_.facts.integers.find(parameter.name);
      if (is_integer(parameter) && fact != artifact_.facts.integers.end())
        text += fmt::format("  if ({} != {}) return cudaErrorInvalidValue;  // what the kernels were made for\n",
                            declared(parameter), fact->second);
    }
    text += "  ak::Launcher launcher_(stream, arguments_);\n";
    if (has_scratch()) text += "  launcher_.clear(scratch, g_.zeroed);\n";
    for (std::size_t i = 0; i < candidate_.launches.size(); ++i) {
      const loop::Launch& launch = candidate_.launches[i];
      const bool cooperative = launch.waits && loop::mentions(launch.blocks, loop::kSms);
      text += fmt::format("  launcher_.launch((const void*){}, g_.blocks[{}], {{{}, {}, {}, {}}});\n", launch.kernel, i,
                          launch.threads, launch.shared_bytes, cooperative, launch.dependent);
    }
    return text + "  return launcher_.error;\n";
  }

  // ---- NAME_c.c

  std::string c_functions() const {
    const auto visible = [](std::string text) { return text.substr(text.find(' ') + 1); };  // not static
    return fmt::format("/* {0} in its normal form, and with doubles for floats: what its kernels are held against. */\n",
                       name_) +
           "#include <math.h>\n#include <stdlib.h>\n\n" + visible(c_function(function_, name_ + "_c")) + "\n" +
           visible(c_function(in_double(function_), name_ + "_in_double"));
  }

  // ---- NAME_calls.cuh

  std::string call_arguments(bool with_result, bool wide_floats) const {
    std::vector<std::string> all;
    int at = 0;
    if (returns()) {
      if (with_result) all.push_back(fmt::format("static_cast<{}*>(args[0])", c_name(function_.returns)));
      ++at;
    }
    for (const Parameter& parameter : function_.parameters) {
      const ScalarType type = wide_floats ? wide(parameter.type) : parameter.type;
      all.push_back(parameter.pointer ? fmt::format("static_cast<{}*>(args[{}])", c_name(type), at)
                                      : fmt::format("ak::value<{}>(args[{}])", c_name(type), at));
      ++at;
    }
    return joined(all);
  }

  std::string c_call(const char* suffix, bool wide_floats) const {
    const ScalarType result = wide_floats ? wide(function_.returns) : function_.returns;
    const std::string to = returns() ? fmt::format("*static_cast<{}*>(args[0]) = ", c_name(result)) : "";
    return fmt::format("{}::{}{}({});", to, name_, suffix, call_arguments(false, wide_floats));
  }

  std::string parameter_rows() const {
    std::string text;
    const auto add = [&](const std::string& name, ScalarType type, bool pointer, bool constant) {
      const IndexArray* index = nullptr;
      for (const IndexArray& one : roles_.indices)
        if (pointer && one.name == name) index = &one;
      const bool keeps = pointer && is_real(type) && std::ranges::find(roles_.kept, name) != roles_.kept.end();
      const bool factor = std::ranges::find(roles_.factors, name) != roles_.factors.end();
      text += fmt::format("    {{{}, ak::{}, {}, {}, {}, {}, {}, {}}},\n", string_literal(name), loop::name(type), pointer,
                          constant, index != nullptr, index && index->ascending, keeps, factor);
    };
    if (returns()) add("the result", function_.returns, true, false);
    for (const Parameter& parameter : function_.parameters)
      add(parameter.name, parameter.type, parameter.pointer, parameter.constant);
    return text;
  }

  std::string argument_row(const Argument& argument, const loop::Values& integers) const {
    if (!argument.pointer)
      return is_real(argument.type) ? fmt::format("{{{:#}}}", argument.real) : fmt::format("{{0, {}}}", argument.integer);
    Range range;
    for (const IndexArray& one : roles_.indices)
      if (one.name == argument.name) range = range_of(one, artifact_.function, integers);
    return fmt::format("{{0, 0, {}, {}, {}, {}, {}}}", argument.memory, argument.offset, argument.elements, range.low,
                       range.high);
  }

  static std::string recipe_row(const Recipe& recipe) {
    const auto of = [](const auto& names, auto value) { return names[static_cast<std::size_t>(value)]; };
    return fmt::format("{{ak::{}, {:#}, {:#}, ak::{}, {:#}, {}, ak::{}, {}}}", of(Recipe::kShapes, recipe.shape), recipe.center,
                       recipe.spread, of(Recipe::kSpikes, recipe.spike), recipe.spike_value, recipe.kept,
                       of(Recipe::kIndices, recipe.indices), recipe.seed);
  }

  /// The rows of a table of cases, and before it those of their arguments.
  std::string case_rows(const char* table, const std::vector<std::pair<loop::Values, Recipe>>& cases) const {
    std::string arguments, rows;
    for (const auto& [sizes, recipe] : cases) {
      const Case made = make_case(artifact_.function, roles_, artifact_.facts, sizes, recipe);
      std::vector<std::string> all;
      for (const Argument& argument : made.arguments) all.push_back(argument_row(argument, made.integers()));
      rows += fmt::format("    {{{}, {}, {}Arguments[{}]}},\n", string_literal(made.name), recipe_row(recipe), table,
                          std::count(rows.begin(), rows.end(), '\n'));
      arguments += fmt::format("    {{{}}},\n", joined(all.empty() ? std::vector<std::string>{"{}"} : all));
    }
    return fmt::format("const ak::Argument {0}Arguments[][{1}] = {{\n{2}}};\nconst ak::Case {0}[] = {{\n{3}}};\n", table,
                       std::max<std::size_t>(1, function_.parameters.size() + returns()), arguments, rows);
  }

  std::string calls() const {
    const std::string launch = has_scratch()
                                   ? fmt::format("if (scratch) return ::{0}_launch_with({1});\n  return ::{0}_launch({2});",
                                                 name_, after("stream, scratch"), after("stream"))
                                   : fmt::format("(void)scratch;\n  return ::{}_launch({});", name_, after("stream"));
    std::vector<std::string> integer_arguments;
    int at = returns();
    for (const Parameter& parameter : function_.parameters) {
      if (is_integer(parameter))
        integer_arguments.push_back(fmt::format("ak::value<{}>(args[{}])", c_name(parameter.type), at));
      ++at;
    }
    return fmt::format(
               "// How {0} is called, and with which sizes and data.\n#pragma once\n\n#include \"harness.cuh\"\n#include "
               "\"{0}.h\"\n\n"
               "namespace {{\n\n"
               "void in_c_([[maybe_unused]] void** args) {{ {1} }}\n"
               "void in_double_([[maybe_unused]] void** args) {{ {2} }}\n"
               "long long scratch_bytes_([[maybe_unused]] void** args) {{ return {3}; }}\n"
               "int launch_(cudaStream_t stream, void* scratch, [[maybe_unused]] void** args) {{\n  {4}\n}}\n\n",
               name_, c_call("_c", false), c_call("_in_double", true),
               has_scratch() ? fmt::format("::{}_scratch_bytes({})", name_, joined(integer_arguments)) : "0", launch) +
           "const ak::Parameter kParameters[] = {\n" + or_none(parameter_rows()) + "};\n" +
           fmt::format(
               "const ak::Function kFunction = {{{}, kParameters, {}, {}, in_c_, in_double_, scratch_bytes_, launch_}};\n\n",
               string_literal(name_), function_.parameters.size() + returns(), equal_bits() && !either_zero(function_)) +
           "// Numbers: of a value itself; of an array its memory, where it begins there, its length, and the range of its "
           "indices.\n" +
           case_rows("kCases", artifact_.cases) + case_rows("kTimed", artifact_.timed) + "\n}  // namespace\n";
  }
  static std::string or_none(std::string rows) { return rows.empty() ? "    {},\n" : rows; }
  std::string after(const char* first) const {
    const std::string all = call_arguments(true, false);
    return all.empty() ? first : fmt::format("{}, {}", first, all);
  }

  // ---- README.md

  std::string readme() const {
    std::string text = fmt::format(
        "# {0}\n\n`{1}`: {2}.\n\n"
        "| file | what |\n|---|---|\n"
        "| `{0}.cu`, `{0}.h` | the kernels and their launcher in C, `{0}_launch` |\n"
        "| `{0}_c.c` | the C function in its normal form, as `{0}_c`, and with doubles for floats |\n"
        "| `{0}_test.cu` | the kernels against the C function, {3} cases; exit code 0 or 1 |\n"
        "| `{0}_bench.cu` | the C function on one core, the kernels with the data on the GPU, and with copies there and back "
        "|\n"
        "| `{0}_calls.cuh`, `harness.cuh` | what both share |\n\n"
        "```\n{4} -o {0}_test {0}_test.cu {0}.cu {0}_c.c && ./{0}_test{5}\n"
        "{4} -Xcompiler -march=native -o {0}_bench {0}_bench.cu {0}.cu {0}_c.c && ./{0}_bench\n"
        "{4} -c {0}.cu    # for a program of your own\n```\n\n",
        name_, artifact_.verdict, artifact_.tactic, artifact_.cases.size(), kNvcc, equal_bits() ? " bits" : "");
    text += equal_bits() ? "Nothing is computed in another order than C's: without contraction (`-fmad=false`) bits are equal, "
                           "which `bits` asks for.\n"
                         : fmt::format(
                               "{} a value may be off by max(1e-3 (1 + |d|), 8 |c - d|), 1e-9 where C has doubles, "
                               "where c is the C function's and d the same in double.\n",
                               candidate_.same_bits ? "CUDA's mathematical functions round otherwise than C's:"
                                                    : "Sums are formed in another order than C's:");
    if (const std::string facts = facts_text(); !facts.empty())
      text += fmt::format("\nThe kernels are right for calls with {} alone.\n", facts);
    if (artifact_.facts.overlaps.empty()) text += "Arrays must not overlap.\n";
    return text;
  }

  bool equal_bits() const { return candidate_.same_bits && rounds_alike(function_); }

  const Artifact& artifact_;
  const Function function_;  // arrays with one dimension
  const loop::Candidate& candidate_;
  const std::string name_;
  const std::map<std::string, std::string> names_;
  const Roles roles_;
};

}  // namespace

std::vector<std::string> artifact_names(const std::string& name) {
  return {name + ".cu",      name + ".h",        name + "_c.c", name + "_calls.cuh",
          name + "_test.cu", name + "_bench.cu", "harness.cuh", "README.md"};
}

std::vector<ArtifactFile> artifact_files(const Artifact& artifact) { return Texts(artifact).files(); }

void write_artifacts(const std::string& folder, const Artifact& artifact) {
  const auto files = artifact_files(artifact);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(ErrorCode::internal, fmt::format("{} cannot be made: {}", folder, error.message()));
  const auto path_of = [&](const ArtifactFile& file) { return (std::filesystem::path(folder) / file.name).string(); };
  for (const ArtifactFile& file : files) {
    const auto why = write_atomically(path_of(file), file.text);
    if (!why) continue;
    for (const ArtifactFile& each : files) std::filesystem::remove(path_of(each), error);  // some of them are of no use
    std::filesystem::remove(folder, error);                                                // where nothing else is in it
    throw Error(ErrorCode::internal, fmt::format("{}: {}", path_of(file), *why));
  }
}

}  // namespace ak::port
