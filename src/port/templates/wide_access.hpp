// 16-byte accesses: a thread takes as many neighbouring iterations of `col` as there are elements in 16 bytes, a pack. What
// lies side by side then is loaded and stored at once, what several iterations of a pack read is loaded once, and the loads of
// several packs come before any of them is used. Whether the addresses allow it is seen when the kernel runs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "port/templates/sharing.hpp"

namespace ak::port {

class Packs {
 public:
  Packs(const Work& work, const Sweep& sweep, const std::vector<loop::Node>& body);

  bool any() const { return !strips_.empty(); }
  int count() const { return count_; }      // iterations a pack
  int at_once() const { return at_once_; }  // packs that a thread has loaded before it uses the first
  Packs at_once(int packs) const;
  /// In C, where the variable of `col` has the value of some iteration: from how many later on the first address is a multiple
  /// of 16, and whether all are.
  std::string until_aligned() const;
  std::string aligned() const;
  /// Declares what loads() sets and stores() takes.
  std::string declarations(int indent) const;
  /// Pack `u_`, whose first iteration the variable of `col` has.
  std::string loads(int indent) const;
  std::string stores(int indent) const;
  /// The same of the elements of the iteration `lane_` alone, which the variable of `col` has.
  std::string load_each(int indent) const;
  std::string store_each(int indent) const;
  /// The iteration `lane_` of the pack `u_`.
  std::vector<loop::Node> lane(const std::vector<loop::Node>& body) const;

 private:
  /// Elements of an array that one iteration touches, as text, and how many elements behind the first address they lie.
  struct Place {
    loop::Term element;
    bool outright = false;  // every iteration touches it: it is there
    bool read = false, written = false;
    std::int64_t apart = 0;
    std::size_t strip = 0;
  };
  /// What a pack touches of an array: its elements from..to, counted as `apart` is, lie in an array of the thread's own.
  struct Strip {
    loop::Term element;  // of the place that lies `apart` behind the first address
    std::int64_t apart = 0, from = 0, to = 0;
    bool read = false, written = false;
    std::vector<std::int64_t> wide, single;  // where 16 bytes begin; what lies outside those
    std::string name;
  };
  void collect(const std::vector<loop::Node>& body, bool outright);
  void look(const loop::Term& term, bool outright, bool target);
  bool moves_side_by_side(const loop::Function& function, const Place& place) const;
  void make_strips();
  static loop::Term element_at(const Strip& strip, std::int64_t at);
  loop::Term own(const Place& place) const;

  Sweep sweep_;
  std::set<std::string> set_;            // scalars that the body sets
  std::map<std::string, Place> places_;  // by the element's text
  std::vector<Strip> strips_;            // the first one's first address is the one that is aligned
  std::string reference_;                // the first that every iteration writes
  int count_ = 0, at_once_ = 1;
};

}  // namespace ak::port
