#include "loop/json.hpp"
#include "loop/verdict_fields.hpp"

namespace ak::loop {

std::string write_json(const Verdict& verdict) { return json::write(verdict); }
Verdict read_verdict(std::string_view text) { return json::read<Verdict>(text, "verdict"); }

}  // namespace ak::loop
