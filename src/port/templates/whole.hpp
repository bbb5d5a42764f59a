// All iterations of a sweep into one value of each reduction: in one block, or in many and then one that joins.
#pragma once

#include "port/templates/partials.hpp"
#include "port/templates/sharing.hpp"

namespace ak::port {

/// What the group's reductions carry from iteration to iteration.
std::set<std::string> carried_by(const Work& work);

struct Whole {
  const Work& work;
  const Sweep& sweep;
  const Partials& partials;
  std::string template_name = "reduce";
  std::string setup{};  // C that every thread runs first, indented by 2
  std::string limit{};  // of the sweep; setup declares it

  Stage one_block(int block, const Packs* packs = nullptr) const;
  Stage two_launches(int block, int unroll, const Packs* packs = nullptr) const;
  /// Many blocks, of which the one that ends last joins what all have left; not of what watches().
  Stage last_block(int block, int unroll, const Packs* packs = nullptr) const;

 private:
  Stage empty() const;
  std::string parts_name() const;
  loop::Term some_blocks(int block, int unroll, const Packs* packs) const;
  std::string only_if_any(bool closes) const;
  std::string result(const std::string& total) const;
  std::string row_number() const;
  std::string gather(const Packs* packs) const;
};

}  // namespace ak::port
