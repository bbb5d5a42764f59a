#include "jit/source.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

#include "ak/types.hpp"
#include "base/embedded.hpp"
#include "base/text.hpp"
#include "core/activation.hpp"
#include "jit/compiler.hpp"

namespace ak {

const char* kernel_folder() {
  const char* folder = std::getenv("AK_KERNEL_DIR");
  return folder && *folder ? folder : nullptr;
}

namespace {

constexpr std::string_view kCommonFiles[] = {"args.cuh", "types.cuh", "chain.cuh", "activation.cuh"};
constexpr std::string_view kEpilogueFile = "epilogue.cuh";
constexpr std::string_view kActivationKernels[] = {"tolerance.cuh", "pass_args.cuh", "probe_args.cuh",        "probe.cuh",
                                                   "compare.cuh",   "pass.cuh",      "activation_kernels.cuh"};

void define(std::string& text, std::string_view macro, int value) { text += fmt::format("#define AK_{} {}\n", macro, value); }

std::string defines(const Problem& p, const Tactic& t) {
  const auto& e = p.epilogue;
  std::string text;
  define(text, "IN", static_cast<int>(p.in));
  define(text, "OUT", static_cast<int>(e.out));
  define(text, "BIAS", static_cast<int>(e.bias));
  define(text, "BIAS_TYPE", static_cast<int>(e.bias_dtype));
  define(text, "HAS_C", e.has_c);
  define(text, "UNIT_ALPHA", e.unit_alpha);
  define(text, "GATED", e.gated);
  define(text, "AUX", e.aux);
  define(text, "ROW_SCALE", e.row_scale);
  define(text, "COLUMN_SCALE", e.column_scale);
  define(text, "A_MAJOR_K", p.a_major == Major::k);
  define(text, "B_MAJOR_K", p.b_major == Major::k);
  define(text, "ALIGN_A", p.align_a);
  define(text, "ALIGN_B", p.align_b);
  define(text, "ALIGN_C", p.align_c);
  define(text, "ALIGN_D", p.align_d);
  for (const Knob& knob : kKnobs) define(text, upper(knob.name), t.*knob.member);
  return text;
}

std::string activation_function(std::string_view code) {
  return fmt::format(
      "namespace ak::math {{\n"
      "__device__ __forceinline__ float activate(float x, [[maybe_unused]] float slope) {{ return {}; }}\n"
      "}}\n",
      code);
}

// Comments and white space do not change a kernel, so they do not change its digest.
std::string essence(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i, 2) == "//") {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.substr(i, 2) == "/*") {
      const auto end = text.find("*/", i + 2);
      i = end == text.npos ? text.size() : end + 2;
    } else if (is_blank(text[i])) {
      if (!out.empty() && out.back() != ' ') out += ' ';
      ++i;
    } else {
      out += text[i++];
    }
  }
  return out;
}

// What a compile gets of a file: by name, so that its log names file and line of kernels/, and without includes.
std::string listed(std::string_view file, std::string_view whole) {
  std::string text = fmt::format("#line 1 \"{}\"\n", file);
  for (const std::string_view line : split(whole, '\n')) {
    if (!line.starts_with("#pragma once") && !line.starts_with("#include \"")) text += line;
    text += '\n';
  }
  return text;
}

// Both forms of a file. A search makes thousands of sources of the same few.
struct Prepared {
  std::string listed, essence;
  Digest digest;  // of its essence
};
using PreparedPtr = std::shared_ptr<const Prepared>;

PreparedPtr prepare(std::string_view file) {
  const std::string whole = kernel_file(file);
  Prepared both{listed(file, whole), essence(whole), {}};
  both.digest = digest(both.essence);
  return std::make_shared<const Prepared>(std::move(both));
}

// Embedded files stay as they are; those of a folder may change from call to call.
PreparedPtr prepared(std::string_view file) {
  if (kernel_folder()) return prepare(file);
  static std::mutex mutex;
  static auto* const embedded = new std::map<std::string, PreparedPtr, std::less<>>;
  const std::lock_guard lock(mutex);
  if (const auto known = embedded->find(file); known != embedded->end()) return known->second;
  return embedded->emplace(file, prepare(file)).first->second;
}

// A kernel's whole source, in order: what is made for it, and the files as they are.
template <class Made, class File>
void for_each_part(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic, const Made& made,
                   const File& file) {
  made(defines(problem, tactic));
  for (const auto common : kCommonFiles) file(*prepared(common));
  made(activation_function(expression(problem.epilogue.activation)));
  file(*prepared(kEpilogueFile));
  for (const auto own : files) file(*prepared(own));
}

}  // namespace

std::string kernel_file(std::string_view file) {
  if (const char* folder = kernel_folder()) {
    if (!std::filesystem::is_directory(folder))
      throw Error(ErrorCode::invalid_argument, fmt::format("AK_KERNEL_DIR='{}': not a folder", folder));
    const auto path = fmt::format("{}/{}", folder, file);
    if (std::ifstream in{path}) return std::string(std::istreambuf_iterator<char>(in), {});
  }
  for (const EmbeddedFile& embedded : embedded_files())
    if (embedded.name == file) return std::string(embedded.text);
  throw Error(ErrorCode::internal, fmt::format("no kernel file '{}'", file));
}

std::string make_source(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic) {
  std::string text;
  for_each_part(
      files, problem, tactic, [&](const std::string& made) { text += made; },
      [&](const Prepared& file) { text += file.listed; });
  return text;
}

Digest kernel_digest(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic,
                     std::string_view arch) {
  Hasher hasher;
  for_each_part(
      files, problem, tactic, [&](const std::string& made) { hasher.field("made", made); },
      [&](const Prepared& file) { hasher.field("file", file.digest.hex()); });
  for (const std::string& option : compile_options(arch)) hasher.field("option", option);
  return hasher.digest();
}

std::string activation_check_source(const Expression& expression) {
  std::string text;
  for (const auto file : kCommonFiles) text += prepared(file)->listed;
  return text + activation_function(expression.code()) +
         "extern \"C\" __global__ void ak_kernel(float* y, float x, float slope) { *y = ak::math::activate(x, slope); }\n";
}

std::string own_activation_source(Activation activation) {
  std::string text;
  for (const auto file : kCommonFiles) text += prepared(file)->listed;
  for (const auto file : kActivationKernels) text += prepared(file)->listed;
  return text + fmt::format("AK_ACTIVATION({}, {})\n", identifier(activation), expression(activation));
}

Digest source_digest(std::span<const std::string_view> files) {
  Hasher hasher;
  for (const auto file : kCommonFiles) hasher.field(file, prepared(file)->essence);
  hasher.field(kEpilogueFile, prepared(kEpilogueFile)->essence);
  hasher.field("activations.def", prepared("activations.def")->essence);
  for (const auto file : files) hasher.field(file, prepared(file)->essence);
  return hasher.digest();
}

}  // namespace ak
