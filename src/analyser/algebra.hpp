// What a loop's body makes of the values of earlier iterations, as one term of them, and which operator that is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loop/function.hpp"

namespace ak::analyser::flow {

/// Another term in the place of one, or nothing.
using Rewrite = std::function<std::optional<loop::Term>(const loop::Term&)>;

/// The value at a distance of `iterations`, in terms.
loop::Term previous(std::int64_t iterations, loop::ScalarType type);
std::optional<std::int64_t> previous_age(const loop::Term& term);  // of such a value itself
bool mentions_previous(const loop::Term& term);

/// One run of a body: what scalars and elements hold after it, over what they held before.
class Symbolic {
 public:
  /// `takes_part` by the id of an assignment; `read` gives another term for a read that no statement before has written.
  Symbolic(std::function<bool(int)> takes_part, Rewrite read);
  void run(const std::vector<loop::Node>& body);
  /// Of a scalar or element as the text has it; nothing where it was not written.
  std::optional<loop::Term> value(const loop::Term& target) const;
  bool understood() const { return understood_; }

 private:
  struct Held {
    loop::Term target, value;
  };
  using State = std::map<std::string, Held>;
  loop::Term now(const loop::Term& term) const;
  loop::Term held(const State& state, const loop::Term& target) const;

  std::function<bool(int)> takes_part_;
  Rewrite read_;
  State state_;
  bool understood_ = true;
};

struct AffineForm {
  std::map<std::int64_t, loop::Term> multipliers;  // by distance
  std::optional<loop::Term> constant;              // nothing: 0
};
/// As a sum of previous values times terms that do not mention them.
std::optional<AffineForm> affine_form(const loop::Term& term);

struct Association {
  std::string op;
  loop::Term value;
  std::optional<loop::Term> condition;
  bool last = false;  // of min and max: a later equal value takes its place
};
/// As `previous(1) op value`, under a condition or not.
std::optional<Association> association(const loop::Term& term);

bool is_number(const loop::Term& term, double value);
loop::Term negated(const loop::Term& condition);

}  // namespace ak::analyser::flow
