// 16-byte accesses: a thread takes as many neighbouring iterations of `col` as there are elements in 16 bytes. What lies side
// by side then is loaded and stored at once; whether the addresses allow it is seen when the kernel runs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "port/templates/loop_sweep.hpp"

namespace ak::port {

class Packs {
 public:
  Packs(const Work& work, const Sweep& sweep, const std::vector<loop::Node>& body);

  bool any() const { return !packs_.empty(); }
  int count() const { return count_; }  // iterations a pack
  /// Whether all addresses are multiples of 16, in C, where the variable of `col` has the value of its first iteration.
  std::string aligned() const;
  /// `variable` declares that variable for a pack's first iteration.
  std::string loads(int indent, const std::string& variable) const;
  /// The iteration `lane_` of a pack.
  std::vector<loop::Node> lane(const std::vector<loop::Node>& body) const;
  std::string stores(int indent, const std::string& variable) const;

 private:
  struct Pack {
    loop::Term element;
    bool outright = false;  // every iteration touches it: it is there
    bool read = false, written = false;
    std::string name;
  };
  void collect(const std::vector<loop::Node>& body, bool outright);
  void look(const loop::Term& term, bool outright, bool target);
  void keep_side_by_side(const loop::Function& function);

  const Sweep& sweep_;
  std::set<std::string> set_;          // scalars that the body sets
  std::map<std::string, Pack> packs_;  // by the element's text
  std::string reference_;              // the first that every iteration writes
  int count_ = 0;
};

}  // namespace ak::port
