// Records and trials as a store holds them; also with an envelope that is right, which no mutation finds.
#include "cache/record.hpp"

#include "cache/bytes.hpp"
#include "fuzz.hpp"

using namespace ak;

namespace {

std::string sealed(std::string_view magic, std::uint16_t format, std::string_view payload) {
  ByteWriter out, sum;
  out.put(format), out.put(payload);
  const std::string bytes = std::string(magic) + out.bytes();
  sum.put(digest(bytes));
  return bytes + sum.bytes();
}

// By bytes: a time may be no number, which equals nothing.
void check(std::string_view bytes) {
  if (const auto record = decode_record(bytes)) {
    const std::string again = encode(*record);
    const auto second = decode_record(again);
    fuzz::require(second && encode(*second) == again, "a record comes back as it was written");
    fuzz::require(key_of(record->problem, record->hardware) == key_of(second->problem, second->hardware), "so does its key");
    fuzz::require(parse_tactic(to_string(record->tactic)) == record->tactic, "its tactic has a text");
    fuzz::require(fault_of(parse_problem(to_string(record->problem))).empty(), "its problem has a text");
  }
  if (const auto trial = decode_trial(bytes)) {
    const std::string again = encode(*trial);
    const auto second = decode_trial(again);
    fuzz::require(second && encode(*second) == again, "a trial comes back as it was written");
    fuzz::require(parse_tactic(to_string(trial->tactic)) == trial->tactic, "its tactic has a text");
  }
  if (const auto work = decode_work(bytes)) fuzz::require(decode_work(encode(*work)) == work, "so does work of another kind");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::view(data, size);
  check(bytes);
  constexpr std::size_t kHead = 4 + 2 + 4, kSum = 16;
  if (size < kHead + kSum) return 0;
  const std::string_view payload = bytes.substr(kHead, size - kHead - kSum);
  check(sealed(bytes.substr(0, 4), static_cast<std::uint16_t>(data[4]), payload));
  return 0;
}
