// What a language model's server says, through every wire, and what the model said.
#include "fuzz.hpp"
#include "llm/chat.hpp"
#include "llm/reply.hpp"
#include "llm/wire.hpp"
#include "port/llm/answer.hpp"

using namespace ak;

namespace {

void check(std::string_view text) {
  const LlmReply reply = parse_reply(text);
  fuzz::require(reply.items.empty() != reply.fault.empty(), "nothing usable has a reason");
  fuzz::require(reply.items.size() <= kMostItems && reply.rejected.size() <= kMostReasons, "what is kept is bounded");
  for (const ReplyItem& item : reply.items)
    fuzz::require(parse_tactic(to_string(item.tactic)) == item.tactic, "a tactic has a text");
}

// Of a loop's question.
void check_kernels(std::string_view text) {
  static const loop::Function function = {
      "f",
      loop::ScalarType::none,
      {{"n", loop::ScalarType::i32, false, false, false, {}, true},
       {"a", loop::ScalarType::f32, true, false, false, {loop::scalar("n", loop::ScalarType::i32)}, true}},
      {},
      {}};
  const port::KernelAnswer answer = port::read_answer(text, function);
  fuzz::require(answer.ok() == !answer.candidate.launches.empty(), "an answer has kernels or a fault");
  fuzz::require(answer.fault.find('\n') == answer.fault.npos && answer.fault.size() < 400, "a fault is one line");
  if (!answer.ok()) return;
  const port::KernelAnswer again = port::read_answer(port::answer_text(answer.candidate, answer.why), function);
  fuzz::require(again.ok() && again.candidate.launches.size() == answer.candidate.launches.size(), "an answer has a text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(fuzz::view(data, size));
  check(body);  // a mailbox's
  check_kernels(body);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(body).get(root) == simdjson::SUCCESS)
    for (const Wire* wire : wires()) {
      const WireAnswer answer = wire->read(root);
      check(answer.text);
      check_kernels(answer.text);
    }
  const WireError error = read_wire_error(body);
  const std::string secret = body.substr(0, size ? data[0] % 32 : 0);
  const std::string shown = redact(error.message + body, secret);
  fuzz::require(secret.size() < 6 || secret.find('*') != secret.npos || shown.find(secret) == shown.npos, "no secret is shown");
  return 0;
}
