// What iterations that run at once would do to each other's arrays: reads that must see what was there before the loop, writes
// that a later iteration undoes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "port/templates/loop_sweep.hpp"

namespace ak::port {

/// An element as it was before the loop.
struct OldRead {
  loop::Term element;
  std::int64_t reach = 0;  // the iteration that overwrites it is at most so many later; 0: not known
  bool outright = false;   // every iteration reads it, with subscripts that it knows before it begins
};

class Hazards {
 public:
  /// Of the group's anti and output notes.
  Hazards(const Work& work, const Sweep& sweep);
  /// False: some access is not understood.
  bool ok() const { return ok_; }
  const std::vector<OldRead>& old_reads() const { return old_; }
  /// An iteration: old reads as `instead` has them, given their index, and only those writes that stay.
  std::vector<loop::Node> body(const std::function<loop::Term(std::size_t, const loop::Term&)>& instead) const;
  /// Scalars that body() sets beside the function's own.
  const std::vector<loop::Local>& locals() const { return locals_; }

 private:
  struct Write {
    const loop::Node* node;
    bool outright;  // in every iteration
  };
  void collect(const std::vector<loop::Node>& body, bool outright);
  bool moves(const loop::Term& element) const;      // subscripts with what the body sets
  bool stays_put(const loop::Term& element) const;  // one element for all iterations
  void look(const loop::Node& node, const loop::Term& term, bool outright);
  void read(const loop::Node& node, const loop::Term& element, bool outright);
  void guard(const Write& write);
  std::vector<loop::Node> rewritten(const std::vector<loop::Node>& body,
                                    const std::function<loop::Term(std::size_t, const loop::Term&)>& instead) const;

  const Work& work_;
  const Sweep& sweep_;
  std::set<std::string> anti_, output_, set_;
  std::vector<Write> writes_;
  std::vector<OldRead> old_;
  std::map<std::pair<int, std::string>, std::size_t> old_at_;  // (node, element's text) -> index
  std::map<std::pair<int, std::string>, int> own_at_;          // ... -> the write of this iteration that it reads
  std::map<int, loop::Term> guards_;                           // write -> when it stays
  std::vector<loop::Local> locals_;
  bool simple_ = false, ok_ = true;
};

}  // namespace ak::port
