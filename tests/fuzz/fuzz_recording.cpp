// A recording's JSON: the document, and the lines of one that is being made.
#include "fuzz.hpp"
#include "recording/recording_json.hpp"

using namespace ak;
using namespace ak::recording_json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::view(data, size);
  // A time may differ in its last digit after each round.
  fuzz::taken_or_refused([&] {
    const Recording read = parse_document("FILE", text), again = parse_document("FILE", document(read));
    fuzz::require(again.trials.size() == read.trials.size(), "a recording comes back as it was written");
  });
  fuzz::taken_or_refused([&] {
    const std::string written = header_line(parse_header("FILE", text));
    fuzz::require(header_line(parse_header("FILE", written)) == written, "a header comes back as it was written");
  });
  fuzz::taken_or_refused([&] {
    const RecordedTrial read = parse_trial("FILE", text), again = parse_trial("FILE", trial_line(read));
    fuzz::require(again.trial.tactic == read.trial.tactic, "a trial comes back as it was written");
  });
  return 0;
}
