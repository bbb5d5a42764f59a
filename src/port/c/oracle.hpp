// What a loop must compute, by the C function itself: compiled by the user's compiler, and in double for its conditioning.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ak/types.hpp"
#include "port/c/c_program.hpp"
#include "port/c/instrument.hpp"
#include "port/cases/case.hpp"
#include "port/proof/judge.hpp"

namespace ak::port {

/// Thrown for a case that the C function must not be called with, an integer division by zero say.
struct Unfit : Error {
  explicit Unfit(const std::string& why) : Error(ErrorCode::invalid_argument, why) {}
};

/// Whether it calls fmax or its kin: of two zeros of opposite sign C leaves open which one they give, and compilers give
/// either.
bool either_zero(const loop::Function& function);

class Oracle {
 public:
  /// Of a function as its text has it, or of its normal form (function.body) where there is no text: a region of a larger
  /// function, say. Where both are there, each is compiled, and disagreement() tells them apart. function.parameters are the
  /// prototype. Throws Error{unsupported} without a compiler, Error{invalid_argument} with the compiler's first error.
  Oracle(const loop::Function& function, const std::optional<Source>& source, CompilerOptions options, Deadline deadline);
  ~Oracle();

  /// Seconds that one call may take.
  double call_seconds = 5;

  /// What the case leaves. Throws Unfit when the C function ends the program on it, Error{invalid_argument} when it does not
  /// end, Error{unsupported} when the deadline leaves it no time.
  Expected run(const Case& given, Deadline deadline);

  /// The case through the normal form, step by step.
  struct Walk {
    std::vector<Memory> left;
    std::vector<std::int64_t> taken;  // for each condition: how often it was true, how often false
    bool turns = true;                // some loop ran more than once, or there is none
    std::string outside;              // "line 7: subscript 12": the first access outside of its array; empty: none
  };
  /// Nothing where there is no normal form. Throws as run does.
  std::optional<Walk> walk(const Case& given, Deadline deadline);
  const std::vector<Condition>& conditions() const { return instrumented_.conditions; }

  /// Whether an integer overflows on the case, which C leaves undefined. Compiles the text anew, for what has gone wrong; false
  /// where there is none, or nothing to see it with.
  bool overflows(const Case& given, Deadline deadline);

  /// The function's file after the preprocessor; empty where there is no text.
  const std::string& preprocessed_text() const { return text_; }

  /// Whether the normal form adds up in another order than the text, or has a closed form of a real scalar.
  bool rounds_otherwise = false;

  /// Whether text and normal form leave different bits, or more than rounding apart: then the analysis has misread the
  /// function.
  std::optional<std::string> disagreement(const Case& given, const Expected& expected, const Walk& walk) const;

 private:
  std::vector<Memory> call(CProgram& program, int entry, const Case& given, std::vector<Memory> memories, bool in_double,
                           std::vector<std::int64_t>* counts, Deadline deadline);

  std::string name_, text_;
  CompilerOptions options_;
  std::string called_;  // the text with the entry that source_ has
  bool either_zero_ = false;
  Instrumented instrumented_;
  std::unique_ptr<loop::Function> normal_;               // for places in its text
  std::unique_ptr<CProgram> source_, source_in_double_;  // entry 0
  std::unique_ptr<CProgram> walker_;                     // entry 0: instrumented, 1: in double
};

}  // namespace ak::port
