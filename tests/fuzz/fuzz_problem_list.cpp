// The list of problems that `ak warm` reads, and the CSV below it.
#include "cli/problem_list.hpp"

#include "base/csv.hpp"
#include "fuzz.hpp"

using namespace ak;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::view(data, size);
  const auto list = cli::parse_problem_list(text);
  for (const auto& item : list.items)
    fuzz::require(parse_problem(to_string(item.problem)) == item.problem, "a listed problem has a text");
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t before = rest.size();
    fuzz::taken_or_refused([&] {
      std::string line;
      const auto fields = take_csv_record(rest);
      for (const std::string& field : fields) line += (line.empty() ? "" : ",") + csv_field(field);
      if (fields.size() < 2) return;  // one empty field is an empty line
      std::string_view again = line;
      if (fields[0].empty()) return;
      fuzz::require(take_csv_record(again) == fields, "a CSV record comes back as it was written");
    });
    fuzz::require(rest.size() < before, "every record takes something");
  }
  return 0;
}
