#include "prove/loop_faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "cache/bytes.hpp"
#include "loop/winner.hpp"
#include "planted_judge.hpp"
#include "port/candidates.hpp"
#include "prove/prove.hpp"

namespace ak::proof {
namespace {

using loop::PlantedArgument;
using loop::PlantedArrays;
using loop::PlantedKernel;
using loop::ScalarType;
using loop::Term;

constexpr int kSizes[] = {1000, 128, 33, 1, 4099, 32000};
constexpr std::size_t kMostElements = 400'000;  // of a case

// The emulator has these without a namespace.
constexpr const char* kOrderedNames =
    "#ifndef AK_EMULATED\nusing ak::load_acquire, ak::store_release, ak::pause, ak::wait_for_previous, "
    "ak::start_next;\n#endif\n";

Term n() { return loop::scalar("n", ScalarType::i32); }
Term blocks_of(const PlantedKernel& kernel) {
  const std::int64_t tile = kernel.threads * kernel.items;
  return loop::binary("/", loop::binary("+", n(), loop::integer(tile - 1)), loop::integer(tile));
}

// "2blocks", "n+8", "16".
Term elements_of(const PlantedKernel& kernel, const std::string& text) {
  if (const auto plus = text.find('+'); plus != text.npos)
    return loop::binary("+", elements_of(kernel, text.substr(0, plus)), elements_of(kernel, text.substr(plus + 1)));
  std::int64_t factor = 1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor);
  const std::string word(end, text.data() + text.size());
  if (word.empty()) return loop::integer(factor);
  return loop::binary("*", loop::integer(factor), word == "blocks" ? blocks_of(kernel) : n());
}

ScalarType type_of(const PlantedArgument& argument) {
  return argument.elements.empty() || !argument.real ? ScalarType::i32 : ScalarType::f32;
}

// `extern "C" void fill(same arguments)`: scratch whose first content the kernels count on.
std::string fill_text(const PlantedKernel& kernel) {
  std::string parameters, body;
  for (const PlantedArgument& a : kernel.arguments) {
    parameters += parameters.empty() ? "" : ", ";
    parameters += a.elements.empty() ? "int n" : fmt::format("{}* {}", a.real ? "float" : "int", a.name);
    if (!a.scratch || a.fill == "zeroed" || a.fill == "scratch") continue;
    const char* const value = a.fill == "top" ? "n" : a.fill == "minus" ? "-1" : nullptr;
    if (!value) throw Error(ErrorCode::invalid_argument, fmt::format("{}: scratch that begins as {}", kernel.title(), a.fill));
    body += fmt::format("  for (int i = threadIdx.x; i < {}; i += blockDim.x) {}[i] = {};\n",
                        loop::c_text(elements_of(kernel, a.elements)), a.name, value);
  }
  return body.empty() ? "" : fmt::format("extern \"C\" __global__ void fill_scratch({}) {{\n{}}}\n", parameters, body);
}

std::string with_c_names(std::string text) {
  constexpr std::string_view kKernel = "__global__ void", kNamed = "extern \"C\" ";
  for (std::size_t at = 0; (at = text.find(kKernel, at)) != text.npos; at += kKernel.size() + kNamed.size())
    text.insert(at, kNamed);
  return text;
}

void fill(port::Case& given, std::vector<port::Memory>& memories, const PlantedKernel& kernel, const PlantedArrays& from) {
  for (const port::Argument& argument : given.arguments) {
    if (!argument.pointer) continue;
    port::Memory& memory = memories[static_cast<std::size_t>(argument.memory)];
    const auto put = [&](const auto& values, auto set) {
      if (std::ssize(values) != memory.elements) throw Error(ErrorCode::internal, kernel.title() + ": " + argument.name);
      for (std::int64_t i = 0; i < memory.elements; ++i) set(i, values[static_cast<std::size_t>(i)]);
    };
    if (argument.type == ScalarType::f32)
      put(from.f.at(argument.name), [&](std::int64_t i, float value) { memory.set_real(i, value); });
    else
      put(from.i.at(argument.name), [&](std::int64_t i, int value) { memory.set_integer(i, value); });
  }
}

}  // namespace

bool may_run(const std::string& wrong) { return wrong.empty() || wrong == "race" || wrong == "value" || wrong == "unset"; }

loop::Candidate launchable(const PlantedKernel& kernel) {
  loop::Candidate c;
  c.template_name = "planted";
  const std::string fill = fill_text(kernel);
  c.text = kOrderedNames + with_c_names(kernel.text) + fill;
  for (const PlantedArgument& a : kernel.arguments) {
    if (a.scratch)
      c.scratch.push_back({a.name, type_of(a), elements_of(kernel, a.elements), a.fill == "zeroed"});
    else if (!c.scratch.empty())
      throw Error(ErrorCode::invalid_argument, kernel.title() + ": scratch comes before " + a.name);
  }
  if (!fill.empty()) c.launches.push_back({"fill_scratch", loop::integer(1), 256, 0, false, false});
  for (const loop::PlantedLaunch& l : kernel.launches)
    c.launches.push_back({l.kernel, l.blocks ? loop::integer(l.blocks) : blocks_of(kernel), kernel.threads,
                          l.shared ? 4 * kernel.threads : 0, false, l.dependent});
  return c;
}

loop::Function function_of(const PlantedKernel& kernel) {
  loop::Function function;
  function.name = kernel.file;
  for (const PlantedArgument& a : kernel.arguments) {
    if (a.scratch) continue;
    loop::Parameter p;
    p.name = a.name, p.type = type_of(a), p.pointer = !a.elements.empty();
    if (p.pointer) p.extents = {elements_of(kernel, a.elements)};
    function.parameters.push_back(std::move(p));
  }
  return function;
}

std::vector<port::ProofCase> cases_of(const PlantedKernel& kernel) {
  const loop::Function function = function_of(kernel);
  std::vector<port::ProofCase> cases;
  for (const int n : kSizes) {
    PlantedArrays arrays = kernel.arrays(n);
    std::size_t elements = 0;
    for (const auto& [name, values] : arrays.f) elements += values.size();
    if (elements > kMostElements) continue;
    port::ProofCase& each = cases.emplace_back();
    each.given = port::laid_out(function, {{"n", n}});
    each.given.name = fmt::format("n={}", n);
    fill(each.given, each.given.memories, kernel, arrays);
    loop::expect(kernel, arrays);
    each.expected.c = each.given.memories;
    fill(each.given, each.expected.c, kernel, arrays);
    each.expected.in_double = port::widened(each.expected.c);
  }
  return cases;
}

std::vector<PreparedKernel> prepare_loop_faults(const std::string& planted, const std::string& worker) {
  const std::vector<PlantedKernel> all = loop::planted_kernels_of(planted);
  loop::EmulatorOptions options;
  options.worker = worker;
  const std::string prelude = port::kernel_text({});
  loop::Emulator emulator(prelude + planted_text(all), planted_names(all), options);
  std::vector<PreparedKernel> prepared;
  std::string failures;
  for (const PlantedKernel& kernel : all) {
    if (!may_run(kernel.wrong)) continue;
    loop::Candidate candidate = launchable(kernel);
    const Compiled compiled = port::compile_kernels(port::kernel_text(candidate), "sm_90a");
    if (compiled.cubin.empty()) failures += fmt::format("\n{}: {}", kernel.title(), compiled.failure);
    candidate.text.clear();
    prepared.push_back({kernel.title(), kernel.wrong, loop::judge(emulator, kernel, {1000, 128, 33, 1}).words,
                        write_json(candidate), compiled.cubin});
  }
  if (!failures.empty()) throw Error(ErrorCode::invalid_argument, "planted kernels that do not compile:" + failures);
  return prepared;
}

std::string encode(const std::vector<PreparedKernel>& kernels) {
  ByteWriter to;
  to.put(static_cast<std::uint32_t>(kernels.size()));
  for (const PreparedKernel& k : kernels) {
    to.put(std::string_view(k.title)), to.put(std::string_view(k.wrong));
    to.put(static_cast<std::uint32_t>(k.emulated.size()));
    for (const std::string& word : k.emulated) to.put(std::string_view(word));
    to.put(std::string_view(k.launch)), to.put(std::string_view(k.image));
  }
  return to.bytes();
}

std::vector<PreparedKernel> decode_prepared(std::string_view bytes) {
  ByteReader from(bytes);
  std::vector<PreparedKernel> kernels;
  for (auto left = from.get<std::uint32_t>(); from.ok() && left > 0; --left) {
    PreparedKernel& k = kernels.emplace_back();
    k.title = from.text(), k.wrong = from.text();
    for (auto words = from.get<std::uint32_t>(); from.ok() && words > 0; --words) k.emulated.emplace_back(from.text());
    k.launch = from.text(), k.image = from.text();
  }
  if (!from.ok() || !from.done()) throw Error(ErrorCode::invalid_argument, "the prepared kernels are damaged");
  return kernels;
}

}  // namespace ak::proof
