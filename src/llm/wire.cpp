#include "llm/wire.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace ak {
namespace {

namespace dom = simdjson::dom;

constexpr int kDeepest = 6;             // {"message": {"detail": [{"msg": "..."}]}} has four
constexpr std::size_t kMostErrors = 8;  // of one list

void join(std::string& to, std::string_view text, std::string_view between) {
  if (to.size() >= kMostQuoted || text.empty()) return;
  if (!to.empty()) to += between;
  to += one_line(text, kMostQuoted);
}

// ["body", "messages", 0] -> body.messages.0
std::string path_of(simdjson::simdjson_result<dom::element> loc) {
  dom::array steps;
  std::string path;
  if (loc.get(steps) != simdjson::SUCCESS) return path;
  for (const dom::element step : steps) {
    std::int64_t index;
    std::string_view word;
    if (step.get(index) == simdjson::SUCCESS)
      join(path, fmt::format("{}", index), ".");
    else if (step.get(word) == simdjson::SUCCESS)
      join(path, word, ".");
  }
  return path;
}

void collect(dom::element from, int depth, WireError& out) {
  std::string_view text;
  dom::array list;
  if (depth == kDeepest) return;
  if (from.get(text) == simdjson::SUCCESS) return join(out.message, text, "; ");
  if (from.get(list) == simdjson::SUCCESS) {
    std::size_t taken = 0;
    for (const dom::element each : list)
      if (++taken <= kMostErrors) collect(each, depth + 1, out);
    return;
  }
  if (!from.is_object()) return;
  WireError here;
  for (const char* field : {"error", "message", "msg", "detail", "errors"}) {
    dom::element inner;
    if (here.message.empty() && from[field].get(inner) == simdjson::SUCCESS) collect(inner, depth + 1, here);
  }
  const std::string path = path_of(from["loc"]);
  join(here.parameter, text_or_empty(from["param"]), " ");
  join(here.parameter, path, " ");
  if (here.code.empty()) here.code = text_or_empty(from["code"]);
  if (here.type.empty()) here.type = text_or_empty(from["type"]);
  join(out.message, path.empty() ? here.message : fmt::format("{}: {}", path, here.message), "; ");
  join(out.parameter, here.parameter, " ");
  if (out.code.empty()) out.code = here.code;
  if (out.type.empty()) out.type = here.type;
}

}  // namespace

std::span<const Wire* const> wires() {
  static const Wire* const all[] = {
#define AK_WIRE(name) &name##_wire(),
#include "llm/wires.def"
#undef AK_WIRE
  };
  return all;
}

const Wire* find_wire(std::string_view provider) {
  const auto at = std::ranges::find(wires(), provider, &Wire::provider);
  return at == wires().end() ? nullptr : *at;
}

WireError read_wire_error(const std::string& body) {
  dom::parser parser;
  dom::element root;
  WireError out;
  if (parser.parse(body).get(root) == simdjson::SUCCESS)
    collect(root, 0, out);
  else
    out.message = one_line(body, kMostQuoted);
  out.message = one_line(out.message, kMostQuoted);
  return out;
}

}  // namespace ak
