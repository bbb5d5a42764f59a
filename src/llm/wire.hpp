// Wire: how one provider's HTTP API puts a question and its answer. What is particular to a provider stands in its wire and
// nowhere else; wires.def lists them.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/chat.hpp"

namespace ak {

constexpr std::size_t kMostQuoted = 300;  // of what a server said

/// What a 200 said.
struct WireAnswer {
  enum class Stop : std::uint8_t { ended, cut, declined };
  std::string text;  // the model's words; where it gave none, its thoughts aloud, which may hold the answer
  Stop stop = Stop::ended;
  std::string_view reason;                                  // the API's word for why it stopped; of the parsed reply
  std::optional<std::int64_t> input_tokens, output_tokens;  // nullopt: the server does not say
};

struct Wire {
  /// A field of the body that a question can do without, and the words of a refusal that mean it.
  struct Optional {
    std::string_view field;
    std::vector<std::string_view> words;
    std::string_view instead = {};  // the same under another name, tried before it is left out
  };

  std::string_view provider;  // its word in AK_LLM
  std::string_view base_url;  // asked unless an endpoint is given
  std::string_view call;      // path of the call below the base URL
  std::vector<Optional> optional;
  std::vector<std::string> (*headers)(const std::string& key);  // besides those of every JSON call; key may be empty
  nlohmann::json (*body)(const ChatRequest& request, const std::string& model, int max_tokens);
  WireAnswer (*read)(simdjson::dom::element reply);
};

#define AK_WIRE(name) const Wire& name##_wire();
#include "llm/wires.def"
#undef AK_WIRE

std::span<const Wire* const> wires();
/// nullptr where there is none of that name.
const Wire* find_wire(std::string_view provider);

/// What a server said instead of an answer.
struct WireError {
  std::string code, type, message;
  std::string parameter;  // the fields it complains of, each as a path: "body.response_format"
};

/// Of any server: {"error": {...}} of OpenAI and Anthropic, {"error": "text"} of Ollama, {"detail": [{"loc", "msg"}]} of
/// FastAPI, and these inside one another, as gateways nest them. What is not JSON is itself the message.
WireError read_wire_error(const std::string& body);

inline std::string_view text_or_empty(simdjson::simdjson_result<simdjson::dom::element> field) {
  std::string_view text;
  return field.get(text) == simdjson::SUCCESS ? text : std::string_view();
}

/// Of a content that is a list of parts, the texts together; nullopt where it is no list.
inline std::optional<std::string> text_of_parts(simdjson::simdjson_result<simdjson::dom::element> content) {
  simdjson::dom::array parts;
  if (content.get(parts) != simdjson::SUCCESS) return std::nullopt;
  std::string text;
  for (const simdjson::dom::element part : parts)
    if (text_or_empty(part["type"]) == "text") text += text_or_empty(part["text"]);
  return text;
}

inline std::optional<std::int64_t> count_of(simdjson::simdjson_result<simdjson::dom::element> field) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;  // sums of what servers say stay sums
  std::int64_t number = 0;
  return field.get(number) == simdjson::SUCCESS && number >= 0 ? std::optional(std::min(number, kMost)) : std::nullopt;
}

}  // namespace ak
