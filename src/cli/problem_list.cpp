#include "cli/problem_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

#include "base/csv.hpp"
#include "base/text.hpp"
#include "cli/cli.hpp"

namespace ak::cli {
namespace {

// It has commas too (align=16,16,16,16), but its first word is MxNxK.
bool is_problem_text(std::string_view line) {
  return line.substr(0, line.find(' ')).find('x') != line.npos && line.find(',') > line.find('x') && line[0] != '#';
}

constexpr std::string_view kColumns[] = {"m",    "n", "k",     "act",   "activation", "dtype", "out",  "layout",
                                         "bias", "c", "alpha", "gated", "aux",        "scale", "class"};

// Lower-cases the fields of a header, which may be in any case; ASCII only, whatever the locale.
bool is_header(std::vector<std::string>& fields) {
  std::vector<std::string> lower = fields;
  for (auto& field : lower)
    for (char& c : field)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (lower.size() < 3 || lower[0] != "m" || lower[1] != "n" || lower[2] != "k") return false;
  fields = std::move(lower);
  return true;
}

[[noreturn]] void bad(const std::string& why) { throw Error(ErrorCode::invalid_argument, why); }

Problem csv_problem(const std::vector<std::string>& header, const std::vector<std::string>& fields) {
  if (fields.size() != header.size())
    bad(fmt::format("{} comma-separated fields, {} expected: {}", fields.size(), header.size(), fmt::join(header, ",")));
  std::map<std::string, std::string> row;
  for (std::size_t i = 0; i < header.size(); ++i) row[header[i]] = fields[i];
  const auto size = [&](const char* key) {
    const std::string& text = row[key];
    std::int64_t value = 0;
    // A spreadsheet may write 16 as 16.0.
    const auto point = std::min(text.find('.'), text.size());
    const auto* const whole_end = text.data() + (text.find_first_not_of('0', point + 1) == text.npos ? point : text.size());
    const auto [end, error] = std::from_chars(text.data(), whole_end, value);
    if (error == std::errc::result_out_of_range) bad(fmt::format("{}: {} is over 2^31 - 1", key, text));
    if (text.empty() || error != std::errc()) bad(fmt::format("{}: '{}' is not a number", key, text));
    if (end != whole_end) bad(fmt::format("{}: '{}' is not a whole number", key, text));
    return value;
  };
  const auto word = [&](const char* key, const char* fallback) { return row[key].empty() ? std::string(fallback) : row[key]; };
  const auto flag = [&](const char* key) {
    const std::string text = word(key, "0");
    if (text != "0" && text != "1") bad(fmt::format("{}: '{}' is not 0 or 1", key, text));
    return text == "1";
  };
  ProblemArguments words;
  words.activation = row.count("act") ? word("act", "identity") : word("activation", "identity");
  words.sizes = {size("m"), size("n"), size("k")};
  words.dtype = word("dtype", "bf16"), words.out = word("out", ""), words.layout = word("layout", "nt");
  words.bias = flag("bias"), words.c = flag("c"), words.alpha = flag("alpha");
  words.gated = flag("gated"), words.aux = flag("aux"), words.scale = word("scale", "");
  return contiguous_problem(words);
}

}  // namespace

ProblemList parse_problem_list(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte-order mark
  ProblemList list;
  std::vector<std::string> header;
  bool readable = true;  // rows under a header that is not understood could mean anything
  int number = 1;
  for (std::string_view rest = text; !rest.empty();) {
    const char* const begin = rest.data();
    const std::string_view line = trimmed(rest.substr(0, rest.find('\n')));
    const bool whole_line = line.empty() || line[0] == '#' || is_problem_text(line);
    if (whole_line) rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    try {
      auto fields = whole_line ? std::vector<std::string>() : take_csv_record(rest);
      if (whole_line) {
        if (is_problem_text(line)) list.items.push_back({number, problem_of_text(line)});
      } else if (header.empty() && is_header(fields)) {
        header = std::move(fields);
        for (const auto& column : header)
          if (std::find(std::begin(kColumns), std::end(kColumns), column) == std::end(kColumns)) {
            readable = false;
            bad(fmt::format("'{}' is not a column ({}); the rows below it are left out", column, fmt::join(kColumns, ", ")));
          }
      } else if (readable) {
        static const std::vector<std::string> kPlain{"m", "n", "k"};
        list.items.push_back({number, csv_problem(header.empty() ? kPlain : header, fields)});
      }
    } catch (const Error& error) {
      list.faults.push_back({number, error.what()});
    }
    number += static_cast<int>(std::count(begin, rest.data(), '\n'));
  }
  return list;
}

ProblemList read_problem_list(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (text.empty()) throw Error(ErrorCode::invalid_argument, fmt::format("{}: cannot be read, or is empty", file));
  ProblemList list = parse_problem_list(text);
  for (const auto& fault : list.faults) fmt::print(stderr, "{}:{}: {}\n", file, fault.line, fault.why);
  return list;
}

}  // namespace ak::cli
