// The texts of problems and of tactics, as `ak ls` prints them and packs, lists and AK_FORCE_TACTIC hold them.
#include "core/problem.hpp"
#include "core/tactic.hpp"
#include "fuzz.hpp"

using namespace ak;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::view(data, size);
  fuzz::taken_or_refused([&] {
    const Problem problem = parse_problem(text);
    fuzz::require(parse_problem(to_string(problem)) == problem, "a problem comes back as it was written");
  });
  fuzz::taken_or_refused([&] {
    const Tactic tactic = parse_tactic(text);
    fuzz::require(parse_tactic(to_string(tactic)) == tactic, "a tactic comes back as it was written");
  });
  return 0;
}
