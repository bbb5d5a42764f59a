// Stands for src/llm and the LLM's proposer in a library that was built with AK_WITH_LLM=OFF.
#include "ak/types.hpp"
#include "llm/chat.hpp"
#include "search/proposers.hpp"

namespace ak {
namespace {

[[noreturn]] void refuse() { throw Error(ErrorCode::unsupported, "this libak was built with AK_WITH_LLM=OFF"); }

}  // namespace

bool has_llm() { return false; }
std::string providers() { return "none, for this libak was built with AK_WITH_LLM=OFF"; }
bool is_provider(std::string_view) { return false; }
bool has_own_server(std::string_view) { return false; }
std::unique_ptr<Chat> make_chat(const ChatEndpoint&) { refuse(); }
std::unique_ptr<Proposer> make_llm_proposer(const ProposerInputs& inputs) {
  if (inputs.llm) refuse();
  return nullptr;
}

}  // namespace ak
