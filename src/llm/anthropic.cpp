// Anthropic's messages. max_tokens is mandatory there.
#include <nlohmann/json.hpp>

#include "llm/wire.hpp"

namespace ak {
namespace {

namespace dom = simdjson::dom;
using Json = nlohmann::json;

std::vector<std::string> anthropic_headers(const std::string& key) {
  std::vector<std::string> list = {"anthropic-version: 2023-06-01"};
  if (!key.empty()) list.push_back("x-api-key: " + key);
  return list;
}

Json anthropic_body(const ChatRequest& request, const std::string& model, int max_tokens) {
  Json out = {{"model", model},           {"stream", false},
              {"temperature", 0.3},       {"max_tokens", max_tokens},
              {"system", request.system}, {"messages", Json::array({{{"role", "user"}, {"content", request.user}}})}};
  if (!request.schema.empty())
    out["output_config"]["format"] = {{"type", "json_schema"}, {"schema", Json::parse(request.schema)}};
  return out;
}

WireAnswer anthropic_answer(dom::element reply) {
  WireAnswer out;
  out.input_tokens = count_of(reply["usage"]["input_tokens"]);
  out.output_tokens = count_of(reply["usage"]["output_tokens"]);
  out.reason = text_or_empty(reply["stop_reason"]);
  if (out.reason == "max_tokens" || out.reason == "model_context_window_exceeded") out.stop = WireAnswer::Stop::cut;
  if (out.reason == "refusal") out.stop = WireAnswer::Stop::declined;
  out.text = text_of_parts(reply["content"]).value_or("");
  return out;
}

}  // namespace

const Wire& anthropic_wire() {
  static const Wire* const wire =
      new Wire{"anthropic",
               "https://api.anthropic.com/v1",
               "/messages",
               {{"temperature", {"temperature"}},
                {"output_config", {"output_config", "output_format", "json_schema", "schema", "structured output", "grammar"}},
                {"stream", {"stream"}}},
               anthropic_headers,
               anthropic_body,
               anthropic_answer};
  return *wire;
}

}  // namespace ak
