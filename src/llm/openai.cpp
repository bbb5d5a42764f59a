// chat/completions, as OpenAI, vLLM, llama.cpp, Ollama and gateways have it.
#include <nlohmann/json.hpp>

#include "llm/wire.hpp"

namespace ak {
namespace {

namespace dom = simdjson::dom;
using Json = nlohmann::json;

std::vector<std::string> openai_headers(const std::string& key) {
  return key.empty() ? std::vector<std::string>() : std::vector<std::string>{"Authorization: Bearer " + key};
}

Json openai_body(const ChatRequest& request, const std::string& model, int max_tokens) {
  Json out = {{"model", model},
              {"stream", false},
              {"temperature", 0.3},
              {"max_tokens", max_tokens},
              {"messages", {{{"role", "system"}, {"content", request.system}}, {{"role", "user"}, {"content", request.user}}}}};
  if (!request.schema.empty())
    out["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", "proposals"}, {"strict", true}, {"schema", Json::parse(request.schema)}}}};
  return out;
}

WireAnswer openai_answer(dom::element reply) {
  WireAnswer out;
  out.input_tokens = count_of(reply["usage"]["prompt_tokens"]);
  out.output_tokens = count_of(reply["usage"]["completion_tokens"]);
  const auto choice = reply["choices"].at(0);
  const auto message = choice["message"];
  out.reason = text_or_empty(choice["finish_reason"]);
  if (out.reason == "length") out.stop = WireAnswer::Stop::cut;
  if (out.reason == "content_filter" || !text_or_empty(message["refusal"]).empty()) out.stop = WireAnswer::Stop::declined;
  out.text = text_of_parts(message["content"]).value_or(std::string(text_or_empty(message["content"])));
  // A server that takes a model's whole answer for thinking leaves the content null.
  for (const char* thoughts : {"reasoning_content", "reasoning"})
    if (out.text.empty()) out.text = text_or_empty(message[thoughts]);
  return out;
}

}  // namespace

const Wire& openai_wire() {
  static const Wire* const wire =
      new Wire{"openai",
               "https://api.openai.com/v1",
               "/chat/completions",
               {{"temperature", {"temperature"}},
                {"response_format", {"response_format", "json_schema", "schema", "structured output", "grammar", "guided"}},
                {"max_tokens", {"max_tokens", "max_completion_tokens"}, "max_completion_tokens"},
                {"max_completion_tokens", {"max_tokens", "max_completion_tokens"}},
                {"stream", {"stream"}}},
               openai_headers,
               openai_body,
               openai_answer};
  return *wire;
}

}  // namespace ak
