// What each thread gathers of reductions, and how the threads' parts become one: a struct, an operator for kernels/loop.cuh.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "port/templates/templates.hpp"

namespace ak::port {

class Partials {
 public:
  /// The group's reductions, and of each kept scalar that is none the value of the last iteration that sets it.
  /// `body` is what one iteration runs; there is none where it is not ok().
  Partials(const Work& work, const std::vector<loop::Node>& body);

  bool ok() const { return ok_; }
  bool ordered() const;       // needs order_, the iteration's number as a long long that rises in C's order
  bool has_elements() const;  // reduces into elements
  bool needs_iterations() const;  // ... to be asked for only where there is an iteration
  /// Whether the parts may be of no use, because no numbers came that are not left out: then C's own loop is to be run, where
  /// strange(total) holds, instead of finish().
  bool watches() const;
  std::string strange(const std::string& total) const;
  bool same_bits() const;
  std::set<std::string> carried() const;
  /// The iteration as a thread runs it for its own part.
  const std::vector<loop::Node>& body() const { return body_; }

  std::string helpers() const;
  std::string type() const { return "Part" + tag_ + "_"; }
  std::string op() const { return "Join" + tag_ + "_()"; }
  int words() const;  // of 8 bytes; type() is not larger
  std::string declarations(int indent) const;
  /// Before the iterations, every thread.
  std::string start(int indent) const;
  /// The thread's part.
  std::string value() const;
  /// Leaves in the scalars and elements what C would, from all parts together.
  std::string finish(int indent, const std::string& total) const;
  /// The same for scalars alone, all threads; elements are left in names of their own for store().
  std::string merge(int indent, const std::string& total) const;
  std::string store(int indent) const;

 private:
  struct Item {
    std::string name;  // of the private scalar
    loop::ScalarType type = loop::ScalarType::f32;
    std::string op;         // a reduction's, "last"
    bool position = false;  // it matters when it was set: with other scalars, or which of two zeros it is
    bool last = false;      // of equals the later one stays
    bool watched = false;   // an extremum that may become no number, and a number again
    std::string strange() const { return name + "_strange_"; }
    std::vector<std::pair<std::string, loop::ScalarType>> positions;
    std::optional<loop::Term> element;
    bool rarely = false;  // the element is there at all sizes, and is stored where it has changed: it may stay untouched
  };
  void add(const Work& work, const loop::Reduction& reduction);
  void add_last(const std::string& scalar, loop::ScalarType type);
  std::string identity(const Item& item) const;

  std::string tag_;
  std::vector<loop::Node> body_;
  std::vector<Item> items_;
  bool ok_ = true;
};

}  // namespace ak::port
