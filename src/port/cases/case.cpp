#include "port/cases/case.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ak/types.hpp"
#include "base/arithmetic.hpp"

namespace ak::port {

using loop::Function;
using loop::Parameter;
using loop::ScalarType;

namespace {

constexpr std::int64_t kLongest = std::int64_t{1} << 28;  // elements: what a length above says is a mistake

std::int64_t elements_of(const Parameter& parameter, const loop::Values& integers) {
  if (!parameter.length_known || parameter.extents.empty())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the length of '{0}' is not known: write it in the parameter, {0}[n], or give --length {0}=n",
                            parameter.name));
  std::int64_t all = 1;
  for (const loop::Term& extent : parameter.extents) {
    const auto value = loop::evaluate(extent, integers);
    if (!value)
      throw Error(ErrorCode::invalid_argument, fmt::format("the length {} of '{}' cannot be computed from the arguments",
                                                           loop::c_text(extent), parameter.name));
    all *= std::clamp<std::int64_t>(*value, 0, kLongest + 1);
    if (all > kLongest)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("the length {} of '{}' is too large", loop::c_text(extent), parameter.name));
  }
  return all;
}

// Which array of a group of overlapping ones begins where.
struct Placed {
  std::size_t root;
  std::int64_t offset;
};

}  // namespace

Memory::Memory(ScalarType of, std::int64_t count) : type(of), elements(count) {
  bytes.resize(static_cast<std::size_t>(2 * kGuardBytes + round_up(count * size_of(of), 4)));
  for (std::size_t at = 0; at < bytes.size(); at += sizeof kPoison) std::memcpy(bytes.data() + at, &kPoison, sizeof kPoison);
}

bool Memory::guards_intact() const {
  const auto word_is_poison = [&](std::size_t at) { return std::memcmp(bytes.data() + at, &kPoison, sizeof kPoison) == 0; };
  const std::size_t end = static_cast<std::size_t>(kGuardBytes + round_up(elements * size_of(type), 4));
  for (std::size_t at = 0; at < kGuardBytes; at += sizeof kPoison)
    if (!word_is_poison(at) || !word_is_poison(end + at)) return false;
  return true;
}

double Memory::real(std::int64_t at) const {
  if (type == ScalarType::f32) return get<float>(at);
  return type == ScalarType::f64 ? get<double>(at) : static_cast<double>(integer(at));
}

std::int64_t Memory::integer(std::int64_t at) const {
  return type == ScalarType::i64 ? get<std::int64_t>(at) : get<std::int32_t>(at);
}

void Memory::set_real(std::int64_t at, double value) {
  if (type == ScalarType::f32)
    set<float>(at, static_cast<float>(value));
  else
    set<double>(at, value);
}

void Memory::set_integer(std::int64_t at, std::int64_t value) {
  if (type == ScalarType::i64)
    set<std::int64_t>(at, value);
  else
    set<std::int32_t>(at, static_cast<std::int32_t>(value));
}

loop::Values Case::integers() const {
  loop::Values values;
  for (const Argument& argument : arguments)
    if (!argument.pointer && !is_real(argument.type)) values[argument.name] = argument.integer;
  return values;
}

Case laid_out(const Function& function, const loop::Values& integers, const std::vector<Overlap>& overlaps) {
  Case made;
  if (function.returns != ScalarType::none)
    made.arguments.push_back({loop::kResult, function.returns, true, false, 0, 0, 1, 0, 0});
  for (const Parameter& parameter : function.parameters) {
    Argument argument{
        parameter.name, parameter.type, parameter.pointer, parameter.pointer && parameter.constant, 0, 0, 0, 0, 0};
    if (parameter.pointer) {
      argument.elements = elements_of(parameter, integers);
    } else if (const auto value = integers.find(parameter.name); value != integers.end()) {
      argument.integer = value->second;
    }
    made.arguments.push_back(std::move(argument));
  }

  std::vector<Placed> placed;
  for (std::size_t i = 0; i < made.arguments.size(); ++i) placed.push_back({i, 0});
  const auto find = [&](const std::string& name) {
    for (std::size_t i = 0; i < made.arguments.size(); ++i)
      if (made.arguments[i].name == name && made.arguments[i].pointer) return i;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("an overlap with '{}', which is no array of '{}'", name, function.name));
  };
  for (const Overlap& overlap : overlaps) {
    const std::size_t pointer = find(overlap.pointer), base = find(overlap.base);
    if (made.arguments[pointer].type != made.arguments[base].type)
      throw Error(ErrorCode::invalid_argument, fmt::format("'{}' and '{}' overlap, and are of different types: they must not",
                                                           overlap.pointer, overlap.base));
    const std::size_t from = placed[pointer].root, to = placed[base].root;
    const std::int64_t moved = placed[base].offset + overlap.offset - placed[pointer].offset;
    if (from == to) continue;
    for (Placed& one : placed)
      if (one.root == from) one = {to, one.offset + moved};
  }

  std::vector<int> memory_of(made.arguments.size(), -1);
  for (std::size_t i = 0; i < made.arguments.size(); ++i) {
    if (!made.arguments[i].pointer) continue;
    const std::size_t root = placed[i].root;
    std::int64_t low = 0, high = 0;
    for (std::size_t k = 0; k < made.arguments.size(); ++k)
      if (made.arguments[k].pointer && placed[k].root == root) {
        low = std::min(low, placed[k].offset);
        high = std::max(high, placed[k].offset + made.arguments[k].elements);
      }
    if (memory_of[root] < 0) {
      memory_of[root] = static_cast<int>(made.memories.size());
      made.memories.emplace_back(made.arguments[i].type, high - low);
    }
    made.arguments[i].memory = memory_of[root];
    made.arguments[i].offset = placed[i].offset - low;
  }
  return made;
}

std::string element_name(const Case& of, int memory, std::int64_t at) {
  for (const Argument& argument : of.arguments)
    if (argument.pointer && argument.memory == memory && at >= argument.offset && at < argument.offset + argument.elements)
      return argument.name == loop::kResult ? "the result" : fmt::format("{}[{}]", argument.name, at - argument.offset);
  return fmt::format("element {} between overlapping arrays", at);
}

std::vector<Memory> widened(const std::vector<Memory>& memories) {
  std::vector<Memory> wide;
  for (const Memory& memory : memories) {
    if (memory.type != ScalarType::f32) {
      wide.push_back(memory);
      continue;
    }
    Memory& made = wide.emplace_back(ScalarType::f64, memory.elements);
    for (std::int64_t i = 0; i < memory.elements; ++i) made.set<double>(i, memory.get<float>(i));
  }
  return wide;
}

}  // namespace ak::port
