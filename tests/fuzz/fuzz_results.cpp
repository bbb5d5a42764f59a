// results.json, and what `ak report` makes of one and the same again.
#include "fuzz.hpp"
#include "port/report/report.hpp"
#include "port/report/results.hpp"

using namespace ak;
using namespace ak::port;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::taken_or_refused([&] {
    const Results read = read_results("FILE", fuzz::view(data, size));
    fuzz::require(read_results("FILE", write_json(read)) == read, "results come back as they were written");
    for (const Markup markup : {Markup::text, Markup::markdown})
      fuzz::require(fuzz::printable(report(read, &read, markup)), "a report is printable");
    for (const Entry& entry : read.entries)
      fuzz::require(fuzz::printable(summary(entry), ""), "a summary is a printable line");
  });
  return 0;
}
