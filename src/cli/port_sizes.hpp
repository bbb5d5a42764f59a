// ak port --size: which calls are timed, by values of integer parameters and of macros.
#pragma once

#include <string>
#include <vector>

#include "loop/function.hpp"
#include "loop/winner.hpp"
#include "port/analysis.hpp"

namespace ak::cli {

/// A source with its macros as one call has them, and the calls that have them so.
struct SizedSource {
  port::LoopSource source;
  std::string macros;               // "LEN=1000"; empty: as the file has them
  std::vector<loop::Values> calls;  // values of parameters, in the order asked for; at least one, perhaps of none
};

/// What --size says, "NAME=NUMBER,..." each. The first numbers of all names belong together, and so on; a name with one number
/// has it in every call. All functions throw Error{invalid_argument} that names the word.
class AskedSizes {
 public:
  /// Throws of what is no list of numbers, or of numbers that do not rise, and of lists of several lengths.
  explicit AskedSizes(const std::vector<std::string>& words);

  /// Whether these calls are timed, and no others.
  bool lists() const { return calls_.size() > 1; }
  /// One for each choice of values of macros. Throws of a negative one.
  std::vector<SizedSource> sources(const port::LoopSource& source) const;
  /// Names that are no macros of the source.
  std::vector<std::string> parameters(const port::LoopSource& source) const;

 private:
  std::vector<std::string> names_;
  std::vector<loop::Values> calls_;
};

/// Of calls with these values, of which those of `steering` make a verdict of their own: those that one verdict and one record
/// hold for, since they differ in mere sizes. Complete: each integer parameter has a value, where none was asked for one that
/// fills a GPU and is proven quickly, margins 3, strides as wide as their rows. Throws of a value that the parameter cannot
/// have.
std::vector<std::vector<loop::Values>> calls_by_class(const loop::Function& function, const std::vector<std::string>& steering,
                                                      const std::vector<loop::Values>& asked);

}  // namespace ak::cli
