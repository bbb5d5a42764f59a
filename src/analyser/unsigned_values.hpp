// Unsigned numbers are signed ones of 64 bits here. C's +, - and * of them have the same low bits, and so lead to the same
// element; what orders, divides or widens them must know that C's number has not wrapped.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analyser/ast.hpp"

namespace ak::analyser {

class UnsignedValues {
 public:
  /// How a number here may differ from C's: not; where a parameter is negative, which lengths are not; where it was counted
  /// past an end; in any way.
  enum class Wraps { never, size, counted, any };

  explicit UnsignedValues(const Unit& unit) : unit_(unit) {}

  /// To be shown every node of the functions, those around first.
  void survey(const Ast& node);
  void settle();
  Wraps of(const Ast& expression) const;

 private:
  struct Source {
    std::string variable;
    Ast value;                        // not there: `wraps` says it
    Wraps wraps = Wraps::never;
    std::size_t begin = 0, end = 0;  // of the text where it does not count: the loop that asks before it steps
  };
  bool is_unsigned(const Ast& node) const { return unit_.type(node).is_unsigned; }
  void survey_loop(const Ast& condition, const Ast& whole);
  Wraps of_converted(const Ast& inner) const;
  Wraps of_source(const Source& source) const { return source.value.there() ? of(source.value) : source.wraps; }

  const Unit& unit_;
  std::vector<Source> sources_;
  std::map<std::string, Wraps, std::less<>> settled_;  // of a variable, sources with a range aside
  std::set<std::string, std::less<>> asked_;           // variables in a loop's test
  std::map<std::size_t, std::pair<std::size_t, std::size_t>> guarded_;  // where a step stands -> its loop
};

}  // namespace ak::analyser
