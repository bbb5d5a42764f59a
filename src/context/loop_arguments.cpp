#include "context/loop_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>

#include "base/own_memory.hpp"
#include "gpu/pointer_place.hpp"

namespace ak {

using loop::ScalarType;

namespace {

LoopScalar scalar_of(ScalarType type) { return static_cast<LoopScalar>(static_cast<int>(type)); }

ScalarType type_of(LoopScalar scalar) {
  constexpr ScalarType kTypes[] = {ScalarType::none, ScalarType::f32, ScalarType::f64, ScalarType::i32, ScalarType::i64};
  return kTypes[static_cast<int>(scalar)];
}

[[noreturn]] void refuse(const LoopPrototype& prototype, const std::string& why) {
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}", prototype.function(), why));
}

std::string shown(ScalarType type, bool pointer, bool constant) {
  return fmt::format("{}{}{}", constant && pointer ? "const " : "", c_name(type), pointer ? "*" : "");
}

}  // namespace

LoopPrototype::LoopPrototype(const loop::Function& function) : name_(function.name) {
  for (const loop::Parameter& parameter : function.parameters)
    if (!parameter.pointer && !is_real(parameter.type)) integer_names_.push_back(parameter.name);
  returns_ = function.returns != ScalarType::none;
  const auto one = loop::Formula(loop::integer(1), {});
  if (returns_) arguments_.push_back({"the result", function.returns, true, false, false, {one}, true});
  for (const loop::Parameter& parameter : function.parameters) {
    Argument argument{parameter.name,          parameter.type, parameter.pointer, parameter.constant, parameter.implicit, {},
                      parameter.length_certain};
    if (parameter.pointer && parameter.length_known) {
      loop::Term all = parameter.extents.empty() ? loop::integer(1) : parameter.extents[0];
      for (std::size_t i = 1; i < parameter.extents.size(); ++i)
        all = loop::binary("*", loop::convert(ScalarType::i64, std::move(all)), parameter.extents[i]);
      argument.elements.emplace_back(all, integer_names_);
    }
    if (!parameter.pointer && !is_real(parameter.type)) integer_arguments_.push_back(arguments_.size());
    arguments_.push_back(std::move(argument));
  }
  if (arguments_.size() > kMostArguments)
    throw Error(ErrorCode::unsupported, fmt::format("{} has more than {} parameters", name_, kMostArguments));
  for (const Argument& argument : arguments_) types_.push_back({scalar_of(argument.type), argument.pointer, argument.constant});
}

std::string LoopPrototype::text() const {
  std::string all;
  for (const Argument& argument : arguments_)
    all += fmt::format("{}{} {}", all.empty() ? "" : ", ", shown(argument.type, argument.pointer, argument.constant),
                       &argument == arguments_.data() && returns_ ? "result" : argument.name);
  return all;
}

bool LoopPrototype::check(const LoopHost& host) const {
  if (!host.function) return false;
  if (std::any_of(arguments_.begin(), arguments_.end(), [](const Argument& argument) { return argument.implicit; }))
    return false;
  if (host.types.empty()) return true;
  const std::size_t first = returns_ ? 0 : 1;  // of the host's types
  const LoopType result = host.types[0];
  const bool same_result = !result.pointer && type_of(result.scalar) == (returns_ ? arguments_[0].type : ScalarType::none);
  if (!same_result || host.types.size() - 1 != arguments_.size() - (returns_ ? 1 : 0))
    refuse(*this,
           fmt::format("the host function takes or returns something else than the source's function, whose kernels take ({})",
                       text()));
  for (std::size_t i = returns_ ? 1 : 0; i < arguments_.size(); ++i) {
    const LoopType& its = host.types[i + first];
    const Argument& argument = arguments_[i];
    if (its.pointer != argument.pointer || type_of(its.scalar) != argument.type ||
        (its.pointer && its.constant != argument.constant))
      refuse(*this, fmt::format("{} is {} in the source and {} in the host function", argument.name,
                                shown(argument.type, argument.pointer, argument.constant),
                                shown(type_of(its.scalar), its.pointer, its.constant)));
  }
  return true;
}

namespace {

template <class T>
T as(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// What is given as one type, taken as another.
std::uint64_t converted(const LoopPrototype& prototype, const LoopPrototype::Argument& argument, LoopType given,
                        const void* from) {
  const auto refuse_it = [&] {
    refuse(prototype, fmt::format("{} is {}, not {}", argument.name, shown(argument.type, argument.pointer, argument.constant),
                                  shown(type_of(given.scalar), given.pointer, given.constant)));
  };
  if (given.pointer != argument.pointer) refuse_it();
  if (argument.pointer) {
    if (given.scalar != LoopScalar::none && type_of(given.scalar) != argument.type) refuse_it();
    if (given.constant && !argument.constant && given.scalar != LoopScalar::none)
      refuse(prototype, fmt::format("{} is written, and given as const", argument.name));
    return reinterpret_cast<std::uint64_t>(as<void*>(from));
  }
  const auto as_real = [&](auto value) -> std::uint64_t {  // rounded once
    return argument.type == ScalarType::f64 ? std::bit_cast<std::uint64_t>(static_cast<double>(value))
                                            : std::bit_cast<std::uint32_t>(static_cast<float>(value));
  };
  const bool from_real = given.scalar == LoopScalar::f32 || given.scalar == LoopScalar::f64;
  if (given.scalar == LoopScalar::none || (from_real && !is_real(argument.type))) refuse_it();
  if (from_real) return given.scalar == LoopScalar::f32 ? as_real(as<float>(from)) : as_real(as<double>(from));
  const std::int64_t integer = given.scalar == LoopScalar::i32 ? as<std::int32_t>(from) : as<std::int64_t>(from);
  if (is_real(argument.type)) return as_real(integer);
  if (argument.type == ScalarType::i32 && integer != static_cast<std::int32_t>(integer))
    refuse(prototype, fmt::format("{} is an int, which {} does not fit", argument.name, integer));
  return static_cast<std::uint64_t>(integer);
}

// Why there are more than the function's own.
std::string of_file_scope(const LoopPrototype& prototype) {
  std::string names;
  for (const LoopPrototype::Argument& argument : prototype.arguments())
    if (argument.implicit)
      names.append(names.empty() ? "; of file scope, behind the function's own: " : ", ").append(argument.name);
  return names;
}

}  // namespace

void gather(const LoopPrototype& prototype, const LoopType* types, void* const* values, std::size_t count, LoopValues& into) {
  const auto& arguments = prototype.arguments();
  if (!types) types = prototype.types().data();
  if (count != arguments.size()) [[unlikely]]
    refuse(prototype, fmt::format("takes {} arguments ({}), not {}{}", arguments.size(), prototype.text(), count,
                                  of_file_scope(prototype)));
  for (std::size_t i = 0; i < count; ++i) {
    const LoopType given = types[i], taken = prototype.types()[i];
    const bool same = given.pointer == taken.pointer && given.scalar == taken.scalar;
    if (same && (!given.constant || taken.constant)) [[likely]] {
      if (given.pointer || given.scalar == LoopScalar::f64 || given.scalar == LoopScalar::i64)
        into.bits[i] = as<std::uint64_t>(values[i]);
      else
        into.bits[i] = as<std::uint32_t>(values[i]);
    } else {
      into.bits[i] = converted(prototype, arguments[i], given, values[i]);
    }
    into.addresses[i] = &into.bits[i];
  }
  into.count = count;
}

namespace {

// Arrays that overlap, also by way of others, are one group, of which the first is the base of all. Arrays that are only read
// overlap nothing by themselves.
void find_overlaps(const LoopPrototype& prototype, LoopMemory& memory) {
  const auto& arguments = prototype.arguments();
  const auto& regions = memory.regions;
  std::vector<std::size_t> base(regions.size());
  for (std::size_t i = 0; i < regions.size(); ++i) {
    base[i] = i;
    for (std::size_t j = 0; j < i; ++j) {
      if (arguments[regions[i].argument].constant && arguments[regions[j].argument].constant) continue;
      if (regions[i].begin >= regions[j].begin + regions[j].bytes || regions[j].begin >= regions[i].begin + regions[i].bytes)
        continue;
      const std::size_t from = std::max(base[i], base[j]), to = std::min(base[i], base[j]);
      for (std::size_t k = 0; k <= i; ++k)
        if (base[k] == from) base[k] = to;
    }
  }
  for (std::size_t i = 0; i < regions.size(); ++i) {
    if (base[i] == i) continue;
    const auto &later = arguments[regions[i].argument], &first = arguments[regions[base[i]].argument];
    const std::int64_t apart = regions[i].begin - regions[base[i]].begin;
    // The result has no name that an analysis could know it by.
    if (later.type != first.type || apart % size_of(later.type) != 0 || (prototype.returns() && regions[base[i]].argument == 0))
      memory.tangled = true;
    else
      memory.call.aliases.push_back({later.name, first.name, apart / size_of(later.type)});
  }
}

}  // namespace

std::string length_wanted(const LoopPrototype& prototype, const std::string& name) {
  const auto& all = prototype.arguments();
  const auto of = std::ranges::find(all, name, &LoopPrototype::Argument::name);
  const bool known = of != all.end() && !of->elements.empty();
  return fmt::format(
      "the length of {0} cannot be known{1}; write it as {0}[LENGTH] in the source, or give LoopOptions::lengths", name,
      known ? ", as data or conditions decide how far it is used, and without it no copy is made" : "");
}

void refuse_length(const LoopPrototype& prototype, const std::string& name) {
  refuse(prototype, length_wanted(prototype, name));
}

LoopMemory look_at(const LoopPrototype& prototype, const loop::Function& function, const std::vector<std::string>& steering,
                   const LoopValues& values, LoopResidency promised, bool needs_lengths) {
  LoopMemory memory;
  std::vector<std::int64_t> integers;
  const auto of = prototype.integer_arguments();
  for (std::size_t i = 0; i < of.size(); ++i) {
    const std::uint64_t bits = values.bits[of[i]];
    const bool wide = prototype.arguments()[of[i]].type == ScalarType::i64;
    integers.push_back(wide ? static_cast<std::int64_t>(bits) : static_cast<std::int32_t>(static_cast<std::uint32_t>(bits)));
    memory.integers[prototype.integers()[i]] = integers.back();
  }

  std::optional<std::size_t> on_host, on_device;
  for (std::size_t i = 0; i < values.count; ++i) {
    const LoopPrototype::Argument& argument = prototype.arguments()[i];
    if (!argument.pointer) continue;
    if (argument.elements.empty() && needs_lengths) refuse_length(prototype, argument.name);
    if (argument.elements.empty()) memory.unmeasured = argument.name;
    if (argument.elements.empty() || !argument.certain) memory.uncertain = argument.name;
    const std::int64_t elements = argument.elements.empty() ? 1 : std::max<std::int64_t>(0, argument.elements[0](integers));
    if (elements == 0) continue;
    if (elements > std::numeric_limits<std::int64_t>::max() / 8)
      refuse(prototype, fmt::format("{} has {} elements", argument.name, elements));
    const std::int64_t bytes = elements * size_of(argument.type);
    char* begin = static_cast<char*>(values.pointer(i));
    if (!begin) refuse(prototype, fmt::format("{} is null, and has {} elements", argument.name, elements));
    if (reinterpret_cast<std::uintptr_t>(begin) % static_cast<unsigned>(size_of(argument.type)))
      refuse(prototype, fmt::format("{} is not aligned to its elements", argument.name));
    const PointerPlace place = in_own_memory(begin) ? PointerPlace{} : place_of(begin);
    const bool other = promised == (place.device ? LoopResidency::host : LoopResidency::device);
    if (other && !place.managed)
      refuse(prototype, fmt::format("{} is a {} pointer, and LoopOptions::residency promises {} pointers", argument.name,
                                    place.device ? "device" : "host", place.device ? "host" : "device"));
    (place.device && !other ? on_device : on_host) = i;
    if (place.device && place.behind < bytes)
      refuse(prototype, fmt::format("{} has {} elements, and its memory ends after {}", argument.name, elements,
                                    place.behind / size_of(argument.type)));
    memory.regions.push_back({begin, bytes, i});
    memory.for_good = memory.for_good && place.for_good;
  }
  if (on_host && on_device)
    refuse(prototype, fmt::format("{} is a host pointer and {} a device pointer; all of them are to be one or the other",
                                  prototype.arguments()[*on_host].name, prototype.arguments()[*on_device].name));
  const bool host = on_host || promised == LoopResidency::host;
  memory.where = host ? LoopMemory::Where::host : LoopMemory::Where::device;
  memory.for_good = memory.for_good || promised != LoopResidency::ask;
  find_overlaps(prototype, memory);
  for (const std::string& name : memory.call.aliases.empty() ? steering : loop::steering_parameters(function))
    memory.call.values.emplace_back(name, memory.integers[name]);
  return memory;
}

std::vector<LoopBlock> blocks_of(const LoopPrototype& prototype, const LoopMemory& memory) {
  std::vector<LoopMemory::Region> regions = memory.regions;
  std::ranges::sort(regions, {}, &LoopMemory::Region::begin);
  std::vector<LoopBlock> blocks;
  for (const LoopMemory::Region& region : regions) {
    if (blocks.empty() || region.begin >= blocks.back().begin + blocks.back().bytes) blocks.push_back({.begin = region.begin});
    LoopBlock& block = blocks.back();
    block.bytes = std::max<std::int64_t>(block.bytes, region.begin + region.bytes - block.begin);
    block.written |= !prototype.arguments()[region.argument].constant;
  }
  return blocks;
}

void move_to_copies(const std::vector<LoopBlock>& blocks, std::vector<LoopMemory::Region>& regions, LoopValues& values) {
  for (LoopMemory::Region& region : regions) {
    const auto behind = std::ranges::upper_bound(blocks, region.begin, {}, &LoopBlock::begin);
    const LoopBlock& block = *(behind - 1);
    region.begin = block.copy + (region.begin - block.begin);
    values.bits[region.argument] = reinterpret_cast<std::uint64_t>(region.begin);
  }
  for (std::size_t i = 0; i < values.count; ++i) values.addresses[i] = &values.bits[i];
}

}  // namespace ak
