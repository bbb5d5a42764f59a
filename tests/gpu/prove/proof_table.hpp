// What a record says, as Markdown: the figures of README.md and tests/gpu/README.md are made by this and by nothing else.
#pragma once

#include <string>
#include <vector>

#include "prove/proof_record.hpp"

namespace ak::proof {

/// Of the rows that have both times: geometric mean of `slow` over `fast`. 1.05: `fast` takes 1/1.05 of the time.
struct Gain {
  double mean = 0;  // 0: no row
  int rows = 0;
};
using Time = double (*)(const BenchRow&);  // 0: the row has no such time
Gain gain(const std::vector<const BenchRow*>& rows, Time slow, Time fast);

/// All that tests/gpu/README.md shows.
std::string table(const Record& record);
/// A few lines of it, for README.md.
std::string summary(const Record& record);
/// How each class of the suite fares.
std::string class_tables(const Record& record);
/// A line for each benchmark row.
std::string row_table(const Record& record);

/// `text` with what stands between the lines `<!-- MARK -->` and `<!-- /MARK -->` replaced. Throws Error{invalid_argument} when
/// the marks are missing.
std::string with_table(const std::string& text, const std::string& table, const std::string& mark = "measured");

}  // namespace ak::proof
