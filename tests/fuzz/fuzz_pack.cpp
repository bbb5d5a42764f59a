// Packs; also with a first line whose checksum is right, which no mutation finds.
#include "cache/pack.hpp"

#include <fmt/format.h>

#include "base/embedded.hpp"
#include "base/hash.hpp"
#include "fuzz.hpp"

using namespace ak;

// Nothing is built into a fuzz target.
std::span<const EmbeddedFile> ak::embedded_files() { return {}; }

namespace {

void check(std::string_view text) {
  const Pack pack = parse_pack("pack", "FILE", text);
  const std::string written = pack_text(pack.entries, pack.work);
  const Pack again = parse_pack("pack", "FILE", written);
  fuzz::require(again.faults.empty(), "what was read can be written");
  fuzz::require(pack_text(again.entries, again.work) == written, "a pack comes back as it was written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::view(data, size);
  check(text);
  const auto end = text.find('\n');
  const std::string_view lines = end == text.npos ? text : text.substr(end + 1);
  check(fmt::format("{{\"ak_pack\":1,\"checksum\":\"{}\"}}\n{}", digest(lines).hex(), lines));
  return 0;
}
