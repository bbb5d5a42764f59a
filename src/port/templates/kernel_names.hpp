// Names of a C function that a kernel cannot have.
#pragma once

#include <map>
#include <string>

#include "loop/launch.hpp"
#include "loop/verdict.hpp"

namespace ak::port {

/// Other names for those which are C++'s, CUDA's, the prelude's or the templates' own, or not in ASCII: new, this, threadIdx,
/// col_, größe. Kernels take arguments by their places, so that nobody outside of their text sees these.
class KernelNames {
 public:
  explicit KernelNames(const loop::Function& function);
  bool empty() const { return to_.empty(); }
  loop::Verdict renamed(loop::Verdict verdict) const;
  /// The geometry of a candidate that was made of it speaks of the function's parameters again.
  void restore(loop::Candidate& candidate) const;

 private:
  using Names = std::map<std::string, std::string>;
  static void rename(const Names& names, std::string& name);
  static void rename(const Names& names, loop::Term& term);

  Names to_, back_;
};

}  // namespace ak::port
