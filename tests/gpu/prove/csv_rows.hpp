// Rows of a comparison on a GPU as CSV, written as they come, so that a killed run continues. A row begins with its problem, in
// double quotes.
#pragma once

#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace ak::proof {

class CsvRows {
 public:
  /// resume: keeps the rows that the file has; else it begins with the header. Throws Error{invalid_argument} where the file
  /// cannot be written, and for a file with another header.
  CsvRows(const std::string& path, const std::string& header, bool resume);

  bool has(const std::string& problem) const { return rows_.contains(problem); }
  /// A line of the file; the problem's is its first field.
  void add(const std::string& line);
  /// Makes a line of each of the problems that has no row yet, by its place among them, until `seconds` since `start` are over;
  /// prints what comes, what fails, what `summary` says at the end, and what is left. An Error of the driver ends it at once.
  /// Returns the exit status: 0 where all have a row.
  int complete(std::span<const std::string> problems, Clock::time_point start, double seconds,
               const std::function<std::string(std::size_t)>& make, const std::function<std::string()>& summary = {},
               std::FILE* to = stdout);
  /// Of every whole row, the fields behind its problem; quotes taken off.
  const std::map<std::string, std::vector<std::string>>& rows() const { return rows_; }

 private:
  void keep(std::string_view line);

  const std::size_t columns_;
  std::map<std::string, std::vector<std::string>> rows_;
  std::ofstream out_;
};

/// A field that is a number; 0 where it is none.
double number(const std::string& field);

/// What numeric policies cost, of rows as `ak_prove policies` writes them: a table of geometric means, a class a line.
std::string policy_table(const std::map<std::string, std::vector<std::string>>& rows);
inline constexpr const char* kPolicyHeader =
    "problem,class,fast_us,deterministic_us,batch_invariant_us,vendor_us,clock_mhz,fast_tactic,deterministic_tactic,"
    "batch_invariant_tactic";

}  // namespace ak::proof
