#include "jit/source.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

#include "ak/types.hpp"
#include "base/embedded.hpp"
#include "base/environment.hpp"
#include "base/text.hpp"
#include "core/activation.hpp"
#include "jit/compiler.hpp"

namespace ak {

std::string kernel_folder() { return environment("AK_KERNEL_DIR"); }

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
std::string essence(std::string_view, std::string_view text) {
  std::string out(text.size(), ' ');
  char* const begin = out.data();
  char* end = begin;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (is_blank(c)) {
      if (end != begin && end[-1] != ' ') *end++ = ' ';
      ++i;
    } else if (c == '/' && text.substr(i, 2) == "//") {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '/' && text.substr(i, 2) == "/*") {
      const auto close = text.find("*/", i + 2);
      i = close == text.npos ? text.size() : close + 2;
    } else {
      *end++ = c, ++i;
    }
  }
  out.resize(static_cast<std::size_t>(end - begin));
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

using Text = std::shared_ptr<const std::string>;

// What `make` makes of a file. A search makes thousands of sources of the same few, a hit asks for one family's digest: each
// form of an embedded file is made once, when it is asked for. Those of a folder may change from call to call.
template <std::string (*make)(std::string_view file, std::string_view whole)>
Text prepared(std::string_view file, const std::string& folder) {
  if (!folder.empty()) return std::make_shared<const std::string>(make(file, kernel_file(file, folder)));
  static std::mutex mutex;
  static auto* const embedded = new std::map<std::string, Text, std::less<>>;
  const std::lock_guard lock(mutex);
  if (const auto known = embedded->find(file); known != embedded->end()) return known->second;
  return embedded->emplace(file, std::make_shared<const std::string>(make(file, embedded_text(file)))).first->second;
}

Text listed_of(std::string_view file, const std::string& folder) { return prepared<listed>(file, folder); }
Text essence_of(std::string_view file, const std::string& folder) { return prepared<essence>(file, folder); }

std::string essence_digest(std::string_view file, std::string_view whole) { return digest(essence(file, whole)).hex(); }
Text essence_digest_of(std::string_view file, const std::string& folder) { return prepared<essence_digest>(file, folder); }

// A kernel's whole source, in order: what is made for it, and the files as they are.
template <class Made, class File>
void for_each_part(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic, const Made& made,
                   const File& file) {
  made(defines(problem, tactic));
  for (const auto common : kCommonFiles) file(common);
  made(activation_function(expression(problem.epilogue.activation)));
  file(kEpilogueFile);
  for (const auto own : files) file(own);
}

Digest digest_of_texts(std::span<const std::string_view> files, const std::string& folder) {
  Hasher hasher;
  for (const auto file : kCommonFiles) hasher.field(file, *essence_of(file, folder));
  hasher.field(kEpilogueFile, *essence_of(kEpilogueFile, folder));
  hasher.field("activations.def", *essence_of("activations.def", folder));
  for (const auto file : files) hasher.field(file, *essence_of(file, folder));
  return hasher.digest();
}

}  // namespace

std::string kernel_file(std::string_view file, const std::string& folder) {
  if (!folder.empty()) {
    if (!std::filesystem::is_directory(folder))
      throw Error(ErrorCode::invalid_argument, fmt::format("AK_KERNEL_DIR='{}': not a folder", folder));
    const auto path = fmt::format("{}/{}", folder, file);
    if (std::ifstream in{path}) return std::string(std::istreambuf_iterator<char>(in), {});
  }
  return std::string(embedded_text(file));
}

std::string kernel_name(const Problem& problem, const Tactic& tactic) {
  const EpilogueSpec& e = problem.epilogue;
  std::string text = fmt::format("ak_{}_{}x{}", name(tactic.family), tactic.tile_m, tactic.tile_n);
  if (tactic.tile_k > 0) text += fmt::format("x{}", tactic.tile_k);
  if (tactic.cluster_m > 1 || tactic.cluster_n > 1) text += fmt::format("_c{}x{}", tactic.cluster_m, tactic.cluster_n);
  if (tactic.split_k > 1) text += fmt::format("_split{}", tactic.split_k);
  if (tactic.swap_ab) text += "_swap";
  text += fmt::format("_{}", name(problem.in));
  if (e.out != problem.in) text += fmt::format("_to_{}", name(e.out));
  text += is_own(e.activation) ? "_own" : fmt::format("_{}", name(e.activation));
  if (e.gated) text += "_gated";
  if (e.bias != BiasAxis::none) text += "_bias";
  if (e.has_c) text += "_plus_c";
  if (e.aux) text += "_aux";
  if (e.scaled()) text += "_scaled";
  return text;
}

// The name is no part of what a kernel is known by: records and images stay what they are under another one.
std::string make_source(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic,
                        const std::string& folder) {
  std::string text = fmt::format("#define ak_kernel {}\n", kernel_name(problem, tactic));
  for_each_part(
      files, problem, tactic, [&](const std::string& made) { text += made; },
      [&](std::string_view file) { text += *listed_of(file, folder); });
  return text;
}

Digest kernel_digest(std::span<const std::string_view> files, const Problem& problem, const Tactic& tactic,
                     std::string_view arch, const std::string& folder) {
  Hasher hasher;
  for_each_part(
      files, problem, tactic, [&](const std::string& made) { hasher.field("made", made); },
      [&](std::string_view file) { hasher.field("file", *essence_digest_of(file, folder)); });
  for (const std::string& option : compile_options(arch)) hasher.field("option", option);
  return hasher.digest();
}

std::string activation_check_source(const Expression& expression) {
  const std::string folder = kernel_folder();
  std::string text;
  for (const auto file : kCommonFiles) text += *listed_of(file, folder);
  return text + activation_function(expression.code()) +
         "extern \"C\" __global__ void ak_kernel(float* y, float x, float slope) { *y = ak::math::activate(x, slope); }\n";
}

std::string own_activation_source(Activation activation) {
  const std::string folder = kernel_folder();
  std::string text;
  for (const auto file : kCommonFiles) text += *listed_of(file, folder);
  for (const auto file : kActivationKernels) text += *listed_of(file, folder);
  return text + fmt::format("AK_ACTIVATION({}, {})\n", identifier(activation), expression(activation));
}

// Asked for with every record that is loaded.
Digest source_digest(std::span<const std::string_view> files, const std::string& folder) {
  if (!folder.empty()) return digest_of_texts(files, folder);
  static std::mutex mutex;
  static auto* const embedded = new std::map<std::string, Digest>;
  const std::string key = fmt::format("{}", fmt::join(files, " "));
  const std::lock_guard lock(mutex);
  if (const auto known = embedded->find(key); known != embedded->end()) return known->second;
  return embedded->emplace(key, digest_of_texts(files, folder)).first->second;
}

}  // namespace ak
