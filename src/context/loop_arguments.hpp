// The arguments of a loop's call: checked against the C prototype, and what they are: where the data lies, how long it is, how
// it overlaps.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ak/loop.hpp"
#include "loop/formula.hpp"
#include "loop/function.hpp"
#include "loop/winner.hpp"

namespace ak {

/// What calls of a function are checked against. Immutable.
class LoopPrototype {
 public:
  static constexpr std::size_t kMostArguments = 48;

  /// lengths: of parameters whose own is not known, as C expressions of integer parameters. Throws Error{invalid_argument}.
  explicit LoopPrototype(const loop::Function& function);

  struct Argument {
    std::string name;
    loop::ScalarType type = loop::ScalarType::f32;
    bool pointer = false, constant = false, implicit = false;
    std::vector<loop::Formula> elements;  // of a pointer; empty: not known
    bool certain = false;                 // as loop::Parameter::length_certain
  };
  /// As calls give them: the result's pointer first, where there is one. Implicit ones (arrays of file scope) come last.
  const std::vector<Argument>& arguments() const { return arguments_; }
  std::span<const LoopType> types() const { return types_; }
  const std::string& function() const { return name_; }
  /// Whether the first argument is where the result goes.
  bool returns() const { return returns_; }
  /// "float* result, int n, const float* a".
  std::string text() const;
  /// Integer parameters in the order of formulas' values, and which argument each is.
  const std::vector<std::string>& integers() const { return integer_names_; }
  std::span<const std::size_t> integer_arguments() const { return integer_arguments_; }

  /// Throws Error{invalid_argument} where the host function's type is another. False where it cannot serve: it would use arrays
  /// of file scope of its own.
  bool check(const LoopHost& host) const;

 private:
  std::string name_;
  std::vector<Argument> arguments_;
  std::vector<LoopType> types_;
  std::vector<std::string> integer_names_;
  std::vector<std::size_t> integer_arguments_;
  bool returns_ = false;
};

/// Values as the function takes them, eight bytes each, and their addresses.
struct LoopValues {
  std::array<std::uint64_t, LoopPrototype::kMostArguments> bits;
  std::array<void*, LoopPrototype::kMostArguments> addresses;
  std::size_t count = 0;

  std::span<void* const> span() const { return {addresses.data(), count}; }
  void* pointer(std::size_t argument) const { return reinterpret_cast<void*>(bits[argument]); }
};

/// types: null: the prototype's own. Converts as C would; throws Error{invalid_argument} that names the argument: too many or
/// too few, another kind, a value that does not fit.
void gather(const LoopPrototype& prototype, const LoopType* types, void* const* values, std::size_t count, LoopValues& into);

/// What the caller says of a loop's calls, as LoopOptions has it.
struct LoopPromise {
  LoopResidency residency = LoopResidency::ask;
  bool unordered = false;
};

/// Where the data of a call lies, and how.
struct LoopMemory {
  enum class Where : std::uint8_t { device, host };
  struct Region {
    char* begin = nullptr;
    std::int64_t bytes = 0;
    std::size_t argument = 0;
  };
  Where where = Where::device;
  std::vector<Region> regions;  // of pointers that are not empty
  bool for_good = true;         // as PointerPlace has it, of all of them; or it is promised
  loop::CallClass call;         // steering values, overlaps
  bool tangled = false;         // arrays overlap so that no distance in elements says how
  std::string unmeasured;       // an array whose length is not known; of those one element was looked at
  std::string uncertain;        // an array that may be shorter than its region, or longer: it cannot be copied
  loop::Values integers;
};

/// Throws Error{invalid_argument}: host and device pointers in one call, or others than `promised`, an array that is shorter
/// than the function says, a length that is not known though one is needed. steering: integer parameters whose values are part
/// of the call's class; where arrays overlap, all that loop::steering_parameters names are.
LoopMemory look_at(const LoopPrototype& prototype, const loop::Function& function, const std::vector<std::string>& steering,
                   const LoopValues& values, LoopResidency promised, bool needs_lengths = true);

/// That the array's length is not known, or not for certain, and how to give it.
std::string length_wanted(const LoopPrototype& prototype, const std::string& name);
/// Throws Error{invalid_argument} that says so.
[[noreturn]] void refuse_length(const LoopPrototype& prototype, const std::string& name);

/// What arrays of a call that overlap take together; the others each.
struct LoopBlock {
  char* begin = nullptr;
  std::int64_t bytes = 0;
  bool written = false;  // by the function, or it may be
  char* copy = nullptr;  // of it, for who makes one
};
/// By address.
std::vector<LoopBlock> blocks_of(const LoopPrototype& prototype, const LoopMemory& memory);
/// The same call on the blocks' copies.
void move_to_copies(const std::vector<LoopBlock>& blocks, std::vector<LoopMemory::Region>& regions, LoopValues& values);

}  // namespace ak
