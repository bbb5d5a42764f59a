#include "prove/suite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/csv.hpp"
#include "core/activation.hpp"

namespace ak::proof {
namespace {

std::int64_t size_of_text(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1)
    throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is no size", text));
  return value;
}

void set(SuiteRow& row, const std::string& column, const std::string& text) {
  if (column == "m" || column == "n" || column == "k") {
    (column == "m" ? row.m : column == "n" ? row.n : row.k) = size_of_text(text);
  } else if (column == "class") {
    row.kind = text;
  } else if (column == "dtype") {
    const auto dtype = parse_dtype(text);
    if (!dtype) throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is no dtype", text));
    row.dtype = *dtype;
  } else if (column == "activation") {
    row.activation = parse_activation(text);
    if (!row.activation) throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is no activation", text));
  } else if (column == "epilogue") {
    row.epilogue = text;
  } else {
    throw Error(ErrorCode::invalid_argument, fmt::format("no column '{}'", column));
  }
}

}  // namespace

Problem SuiteRow::problem(Activation act) const {
  const auto align = [](std::int64_t extent) { return std::min<std::int64_t>(16, (extent * 2) & -(extent * 2)); };
  return parse_problem(fmt::format("{}x{}x{} {} align={},{},{},{} {} {}", m, n, k, name(dtype), align(k), align(k), align(n),
                                   align(n), name(act), epilogue.empty() ? "bias=column" : epilogue));
}

std::vector<SuiteRow> read_suite(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream all;
  if (!in || !(all << in.rdbuf())) throw Error(ErrorCode::invalid_argument, fmt::format("cannot read the suite '{}'", path));
  const std::string text = all.str();
  std::string_view rest = text;
  const std::vector<std::string> columns = take_csv_record(rest);
  std::vector<SuiteRow> rows;
  while (!rest.empty()) {
    const auto number = 1 + std::count(text.data(), rest.data(), '\n');
    try {
      const std::vector<std::string> cells = take_csv_record(rest);
      if (cells == std::vector<std::string>{""}) continue;  // an empty line
      if (cells.size() != columns.size())
        throw Error(ErrorCode::invalid_argument, fmt::format("{} cells under {} columns", cells.size(), columns.size()));
      SuiteRow row;
      for (std::size_t i = 0; i < cells.size(); ++i) set(row, columns[i], cells[i]);
      row.problem(row.activation.value_or(Activation::relu));
      rows.push_back(row);
    } catch (const Error& error) {
      throw Error(ErrorCode::invalid_argument, fmt::format("{}:{}: {}", path, number, error.what()));
    }
  }
  return rows;
}

bool row_wanted(const std::string& rows, std::size_t index, const std::string& kind) {
  if (rows == "all") return true;
  std::istringstream parts(rows);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part == kind) return true;
    unsigned long from = 0, to = 0;
    const int read = std::sscanf(part.c_str(), "%lu-%lu", &from, &to);
    if (read >= 1 && index >= from && index <= (read == 2 ? to : from)) return true;
  }
  return false;
}

std::size_t class_rank(const std::string& kind) {
  static constexpr const char* kOrder[] = {"decode_wide", "decode_narrow", "tokens", "small",    "prefill", "large",
                                           "awkward",     "gated",         "aux",    "residual", "scaled"};
  return static_cast<std::size_t>(std::find(std::begin(kOrder), std::end(kOrder), kind) - std::begin(kOrder));
}

}  // namespace ak::proof
