#include "prove/csv_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "ak/types.hpp"
#include "base/csv.hpp"
#include "prove/suite.hpp"

namespace ak::proof {

CsvRows::CsvRows(const std::string& path, const std::string& header, bool resume)
    : columns_(1 + static_cast<std::size_t>(std::ranges::count(header, ','))) {
  const bool goes_on = resume && std::filesystem::exists(path);
  bool whole = true;
  if (goes_on) {
    std::ifstream in(path);
    std::string line;
    if (std::getline(in, line) && line != header)
      throw Error(ErrorCode::invalid_argument, fmt::format("{}: its columns are others than {}", path, header));
    while (std::getline(in, line)) keep(line), whole = !in.eof();
  }
  out_.open(path, goes_on ? std::ios::app : std::ios::trunc);
  if (!out_) throw Error(ErrorCode::invalid_argument, path + ": cannot be written");
  if (!goes_on) out_ << header << std::endl;
  if (!whole) out_ << std::endl;  // what was cut off stays a line of its own, which is none
}

void CsvRows::keep(std::string_view line) {
  try {
    auto fields = take_csv_record(line, ',');
    if (fields.size() != columns_) return;
    const std::string problem = fields.front();
    fields.erase(fields.begin());
    rows_[problem] = std::move(fields);
  } catch (const Error&) {  // cut off within quotes
  }
}

void CsvRows::add(const std::string& line) {
  out_ << line << std::endl;
  keep(line);
}

int CsvRows::complete(std::span<const std::string> problems, Clock::time_point start, double seconds,
                      const std::function<std::string(std::size_t)>& make, const std::function<std::string()>& summary,
                      std::FILE* to) {
  int failed = 0, left = 0;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (has(problems[i])) continue;
    if (seconds_since(start) > seconds) {
      ++left;
      continue;
    }
    try {
      const std::string line = make(i);
      add(line);
      fmt::print(to, "{}\n", line);
    } catch (const Error& error) {
      fmt::print(to, "# FAILED {}: {}\n", problems[i], error.what());
      ++failed;
      if (error.code() == ErrorCode::driver) return 1;
    }
    std::fflush(to);
  }
  if (summary) fmt::print(to, "{}", summary());
  fmt::print(to, "# {:.0f} s, {} failed{}\n", seconds_since(start), failed,
             left ? fmt::format(", {} rows not begun: run again with --resume", left) : "");
  return failed || left ? 1 : 0;
}

double number(const std::string& field) {
  double value = 0;
  std::from_chars(field.data(), field.data() + field.size(), value);
  return value;
}

std::string policy_table(const std::map<std::string, std::vector<std::string>>& rows) {
  struct Means {
    int rows = 0;
    double deterministic = 0, invariant = 0, vendor = 0, worst = 0;
  };
  std::map<std::size_t, std::pair<std::string, Means>> classes;
  Means all;
  for (const auto& [problem, fields] : rows) {
    const double fast = number(fields[1]), deterministic = number(fields[2]), invariant = number(fields[3]),
                 vendor = number(fields[4]);
    if (!(fast > 0 && deterministic > 0 && invariant > 0 && vendor > 0)) continue;
    auto& [kind, of_class] = classes[class_rank(fields[0])];
    kind = fields[0];
    for (Means* means : {&of_class, &all}) {
      ++means->rows;
      means->deterministic += std::log(deterministic / fast), means->invariant += std::log(invariant / fast);
      means->vendor += std::log(vendor / invariant), means->worst = std::max(means->worst, invariant / fast);
    }
  }
  std::string table =
      "| class | rows | deterministic, over fast | batch_invariant, over fast | at worst | cuBLASLt's best, over "
      "batch_invariant |\n"
      "|---|---|---|---|---|---|\n";
  const auto line = [&](const std::string& name, const Means& means) {
    const auto mean = [&](double sum) { return std::exp(sum / means.rows); };
    table += fmt::format("| {} | {} | {:.2f}x | {:.2f}x | {:.2f}x | {:.2f}x |\n", name, means.rows, mean(means.deterministic),
                         mean(means.invariant), means.worst, mean(means.vendor));
  };
  for (const auto& [rank, of_class] : classes) line(of_class.first, of_class.second);
  if (all.rows > 0) line("all", all);
  return table;
}

}  // namespace ak::proof
