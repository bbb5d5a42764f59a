// A toy provider: {"ask": "..."} -> {"answer": "..."}.
#include "llm/wire.hpp"

#include <nlohmann/json.hpp>

namespace ak {
namespace {

std::vector<std::string> headers(const std::string& key) { return {"x-toy-key: " + key}; }

nlohmann::json body(const ChatRequest& request, const std::string& model, int) {
  return {{"model", model}, {"ask", request.system + request.user}};
}

WireAnswer read(simdjson::dom::element reply) {
  WireAnswer out;
  out.text = text_or_empty(reply["answer"]);
  return out;
}

}  // namespace

const Wire& toy_wire() {
  static const Wire* const wire = new Wire{"toy", "https://localhost/v1", "/ask", {}, headers, body, read};
  return *wire;
}

}  // namespace ak
