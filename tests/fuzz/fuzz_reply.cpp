// What a language model's server says, through every wire, and what the model said.
#include "llm/reply.hpp"

#include "fuzz.hpp"
#include "llm/chat.hpp"
#include "llm/wire.hpp"

using namespace ak;

namespace {

void check(std::string_view text) {
  const LlmReply reply = parse_reply(text);
  fuzz::require(reply.items.empty() != reply.fault.empty(), "nothing usable has a reason");
  fuzz::require(reply.items.size() <= kMostItems && reply.rejected.size() <= kMostReasons, "what is kept is bounded");
  for (const ReplyItem& item : reply.items)
    fuzz::require(parse_tactic(to_string(item.tactic)) == item.tactic, "a tactic has a text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(fuzz::view(data, size));
  check(body);  // a mailbox's
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(body).get(root) == simdjson::SUCCESS)
    for (const Wire* wire : wires()) {
      const WireAnswer answer = wire->read(root);
      check(answer.text);
    }
  const WireError error = read_wire_error(body);
  const std::string secret = body.substr(0, size ? data[0] % 32 : 0);
  const std::string shown = redact(error.message + body, secret);
  fuzz::require(secret.size() < 6 || secret.find('*') != secret.npos || shown.find(secret) == shown.npos, "no secret is shown");
  return 0;
}
