// What one iteration does to the values that it finds, where that is affine: a row of factors and a rest for each of them, and
// for each scalar on the way from one to the other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "port/templates/affine_form.hpp"
#include "port/templates/carried.hpp"

namespace ak::port {

/// What C rounds or cuts off at every step, a scan does at the end.
const loop::Term& unrounded(const loop::Term& term);
/// The assignment of a value, converted where that is of another type.
loop::Node assigned(int id, const std::string& scalar, loop::ScalarType type, loop::Term value);

class AffineSteps {
 public:
  /// `found`: which of the carried values a term is.
  AffineSteps(const std::vector<loop::Node>& body, Carried carried, Unknown found);

  /// The carried ones with law, type and rows; nothing where some step is not affine.
  std::optional<Carried> carried() const;
  /// Whether the statement sets one of the values, or a scalar of which they are made.
  bool takes_part(const loop::Node& statement) const;
  /// What the first phase does in the place of such a statement.
  std::vector<loop::Node> step(const loop::Node& statement) const;

 private:
  void find_rows();
  std::vector<const loop::Node*> statements() const;
  bool shifts(const std::vector<loop::Node>& block) const;
  std::optional<std::size_t> unknown(const loop::Term& term) const;
  std::optional<AffineForm> form(const loop::Node& statement) const;
  std::string row(std::size_t unknown) const;
  std::optional<std::size_t> target(const loop::Node& statement) const;
  bool as_found(std::size_t unknown, const loop::Node& statement) const;
  bool in_inner_loop(int id) const;
  void set_row(std::vector<loop::Node>& out, int id, const std::string& row, const AffineForm& form,
               const loop::Node& statement) const;

  const std::vector<loop::Node>& body_;
  Carried carried_;
  Unknown found_;
  std::vector<std::string> scalars_;  // on the way
  bool ok_ = true;
};

}  // namespace ak::port
