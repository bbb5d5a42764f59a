#include "analyser/ranges.hpp"

#include "analyser/c_tree.hpp"
#include "analyser/integer_sum.hpp"

namespace ak::analyser {

using loop::Term;

bool never_negative(const Term& term, const std::vector<Range>& around) {
  auto sum = linear(term);
  // From the innermost out: the bound of one names those around it.
  for (auto range = around.rbegin(); sum && range != around.rend(); ++range) {
    const std::int64_t factor = sum->factor(range->variable);
    if (factor == 0) continue;
    const bool up = range->step > 0;
    const Term last = loop::binary(up ? "-" : "+", range->end, loop::integer(1));
    const Term& least = (factor > 0) == up ? range->begin : last;
    sum->factors.erase(range->variable);
    sum = linear(loop::binary("+", sum->term(), loop::binary("*", loop::integer(factor), least)));
  }
  return sum && sum->factors.empty() && sum->constant >= 0;
}

Term known_to_run(const Term& term, const std::vector<Range>& around) {
  return loop::replace(term, [&](const Term& part) -> std::optional<Term> {
    if (part.kind != Term::Kind::choose) return std::nullopt;
    for (const Range& range : around)
      if (part.terms[0] == loop::binary(range.step > 0 ? "<" : ">", range.begin, range.end)) return part.terms[1];
    return std::nullopt;
  });
}

}  // namespace ak::analyser
