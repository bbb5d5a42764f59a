#include "context/loop_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>

#include "gpu/driver.hpp"

namespace ak {

using loop::ScalarType;

namespace {

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
  if (returns_) arguments_.push_back({"the result", function.returns, true, false, false, {one}});
  for (const loop::Parameter& parameter : function.parameters) {
    Argument argument{parameter.name, parameter.type, parameter.pointer, parameter.constant, parameter.implicit, {}};
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
  const bool same_result = returns_
                               ? host.types[0].scalar != LoopScalar::none && type_of(host.types[0].scalar) == arguments_[0].type
                               : host.types[0].scalar == LoopScalar::none;
  if (!same_result || host.types.size() - 1 != arguments_.size() - (returns_ ? 1 : 0))
    refuse(*this,
           fmt::format("the host function takes or returns something else than the source's function, whose kernels take ({})",
                       text()));
  for (std::size_t i = returns_ ? 1 : 0; i < arguments_.size(); ++i) {
    const LoopType& its = host.types[i + first];
    const Argument& argument = arguments_[i];
    if (its.pointer != argument.pointer || type_of(its.scalar) != argument.type)
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
  double real = 0;
  std::int64_t integer = 0;
  switch (given.scalar) {
    case LoopScalar::f32:
      real = as<float>(from);
      break;
    case LoopScalar::f64:
      real = as<double>(from);
      break;
    case LoopScalar::i32:
      real = static_cast<double>(integer = as<std::int32_t>(from));
      break;
    case LoopScalar::i64:
      real = static_cast<double>(integer = as<std::int64_t>(from));
      break;
    case LoopScalar::none:
      refuse_it();
  }
  const bool from_real = given.scalar == LoopScalar::f32 || given.scalar == LoopScalar::f64;
  if (is_real(argument.type))
    return argument.type == ScalarType::f64 ? std::bit_cast<std::uint64_t>(real)
                                            : std::bit_cast<std::uint32_t>(static_cast<float>(real));
  if (from_real) refuse_it();
  if (argument.type == ScalarType::i32 && integer != static_cast<std::int32_t>(integer))
    refuse(prototype, fmt::format("{} is an int, which {} does not fit", argument.name, integer));
  return static_cast<std::uint64_t>(integer);
}

}  // namespace

void gather(const LoopPrototype& prototype, const LoopType* types, void* const* values, std::size_t count, LoopValues& into) {
  const auto& arguments = prototype.arguments();
  if (count != arguments.size()) [[unlikely]]
    refuse(prototype, fmt::format("takes {} arguments ({}), not {}", arguments.size(), prototype.text(), count));
  for (std::size_t i = 0; i < count; ++i) {
    const LoopPrototype::Argument& argument = arguments[i];
    const LoopType given = types[i];
    const bool same = given.pointer == argument.pointer && type_of(given.scalar) == argument.type;
    if (same && (!given.constant || argument.constant)) [[likely]] {
      if (given.pointer || size_of(argument.type) == 8)
        into.bits[i] = as<std::uint64_t>(values[i]);
      else
        into.bits[i] = as<std::uint32_t>(values[i]);
    } else {
      into.bits[i] = converted(prototype, argument, given, values[i]);
    }
    into.addresses[i] = &into.bits[i];
  }
  into.count = count;
}

namespace {

// Whether the driver knows it as memory that kernels reach, and how much of it there is behind the pointer.
std::optional<std::int64_t> device_bytes_behind(const void* pointer) {
  unsigned type = 0;
  CUdeviceptr begin = 0;
  std::size_t bytes = 0;
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
                                 CU_POINTER_ATTRIBUTE_RANGE_SIZE};
  void* into[] = {&type, &begin, &bytes};
  const auto at = reinterpret_cast<CUdeviceptr>(pointer);
  if (driver().cuPointerGetAttributes(3, which, into, at) != CUDA_SUCCESS || type != CU_MEMORYTYPE_DEVICE) return std::nullopt;
  return bytes == 0 ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(begin + bytes - at);
}

void find_overlaps(const LoopPrototype& prototype, LoopMemory& memory) {
  const auto& arguments = prototype.arguments();
  for (std::size_t i = 1; i < memory.regions.size(); ++i) {
    const LoopMemory::Region& later = memory.regions[i];
    for (std::size_t j = 0; j < i; ++j) {
      const LoopMemory::Region& earlier = memory.regions[j];
      const auto &a = arguments[later.argument], &b = arguments[earlier.argument];
      if (later.begin >= earlier.begin + earlier.bytes || earlier.begin >= later.begin + later.bytes) continue;
      if (a.constant && b.constant) continue;  // read alone
      const std::int64_t apart = later.begin - earlier.begin;
      if (a.type != b.type || apart % size_of(a.type) != 0) {
        memory.tangled = true;
        continue;
      }
      memory.call.aliases.push_back({a.name, b.name, apart / size_of(a.type)});
      break;  // the earlier one's own overlaps stand there already
    }
  }
}

}  // namespace

LoopMemory look_at(const LoopPrototype& prototype, const loop::Function& function, const LoopValues& values, bool ask_driver) {
  LoopMemory memory;
  std::vector<std::int64_t> integers;
  const auto of = prototype.integer_arguments();
  for (std::size_t i = 0; i < of.size(); ++i) {
    const std::uint64_t bits = values.bits[of[i]];
    const bool wide = prototype.arguments()[of[i]].type == ScalarType::i64;
    integers.push_back(wide ? static_cast<std::int64_t>(bits) : static_cast<std::int32_t>(static_cast<std::uint32_t>(bits)));
    memory.integers[prototype.integers()[i]] = integers.back();
  }
  for (const std::string& name : loop::steering_parameters(function))
    memory.call.values.emplace_back(name, memory.integers[name]);

  std::optional<std::size_t> on_host, on_device;
  for (std::size_t i = 0; i < values.count; ++i) {
    const LoopPrototype::Argument& argument = prototype.arguments()[i];
    if (!argument.pointer) continue;
    if (argument.elements.empty())
      refuse(prototype,
             fmt::format("the length of {} cannot be known; write it as {}[LENGTH] in the source, or give LoopOptions::lengths",
                         argument.name, argument.name));
    const std::int64_t elements = std::max<std::int64_t>(0, argument.elements[0](integers));
    if (elements == 0) continue;
    if (elements > std::numeric_limits<std::int64_t>::max() / 8)
      refuse(prototype, fmt::format("{} has {} elements", argument.name, elements));
    const std::int64_t bytes = elements * size_of(argument.type);
    char* begin = static_cast<char*>(values.pointer(i));
    if (!begin) refuse(prototype, fmt::format("{} is null, and has {} elements", argument.name, elements));
    if (reinterpret_cast<std::uintptr_t>(begin) % static_cast<unsigned>(size_of(argument.type)))
      refuse(prototype, fmt::format("{} is not aligned to its elements", argument.name));
    const auto behind = ask_driver ? device_bytes_behind(begin) : std::nullopt;
    (behind ? on_device : on_host) = i;
    if (behind && *behind < bytes)
      refuse(prototype, fmt::format("{} has {} elements, and its memory ends after {}", argument.name, elements,
                                    *behind / size_of(argument.type)));
    memory.regions.push_back({begin, bytes, i});
  }
  if (on_host && on_device)
    refuse(prototype, fmt::format("{} is a host pointer and {} a device pointer; all of them are to be one or the other",
                                  prototype.arguments()[*on_host].name, prototype.arguments()[*on_device].name));
  memory.where = on_host ? LoopMemory::Where::host : LoopMemory::Where::device;
  find_overlaps(prototype, memory);
  return memory;
}

}  // namespace ak
