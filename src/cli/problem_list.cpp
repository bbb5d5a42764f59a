#include "cli/problem_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/cli.hpp"

namespace ak::cli {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == text.npos ? "" : text.substr(first, last - first + 1);
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) fields.push_back(trimmed(field));
  if (line.ends_with(',')) fields.emplace_back();
  return fields;
}

constexpr std::string_view kColumns[] = {"m",    "n", "k",     "act",   "activation", "dtype", "out",  "layout",
                                         "bias", "c", "alpha", "gated", "aux",        "scale", "class"};

[[noreturn]] void bad(const std::string& why) { throw Error(ErrorCode::invalid_argument, why); }

Problem csv_problem(const std::vector<std::string>& header, const std::vector<std::string>& fields) {
  if (fields.size() != header.size())
    bad(fmt::format("{} comma-separated fields, {} expected: {}", fields.size(), header.size(), fmt::join(header, ",")));
  std::map<std::string, std::string> row;
  for (std::size_t i = 0; i < header.size(); ++i) row[header[i]] = fields[i];
  const auto size = [&](const char* key) {
    const std::string& text = row[key];
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
      bad(fmt::format("{}: '{}' is not a number", key, text));
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
  ProblemList list;
  std::vector<std::string> header;
  std::istringstream in{std::string(text)};
  int number = 0;
  bool readable = true;  // rows under a header that is not understood could mean anything
  for (std::string raw; std::getline(in, raw);) {
    ++number;
    const std::string line = trimmed(raw);
    if (line.empty() || line[0] == '#') continue;
    try {
      // A problem's text has commas too (align=16,16,16,16), but its first word is MxNxK.
      const bool is_text = line.substr(0, line.find(' ')).find('x') != line.npos && line.find(',') > line.find('x');
      const auto fields = fields_of(line);
      if (is_text) {
        list.items.push_back({number, problem_of_text(line)});
      } else if (header.empty() && fields.size() >= 3 && fields[0] == "m" && fields[1] == "n" && fields[2] == "k") {
        header = fields;
        for (const auto& column : header)
          if (std::find(std::begin(kColumns), std::end(kColumns), column) == std::end(kColumns)) {
            readable = false;
            bad(fmt::format("'{}' is not a column ({}); the rows below it are left out", column, fmt::join(kColumns, ", ")));
          }
      } else if (!readable) {
        continue;
      } else {
        static const std::vector<std::string> kPlain{"m", "n", "k"};
        list.items.push_back({number, csv_problem(header.empty() ? kPlain : header, fields)});
      }
    } catch (const Error& error) {
      list.faults.push_back({number, error.what()});
    }
  }
  return list;
}

ProblemList read_problem_list(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: cannot be read, or is empty", file));
  ProblemList list = parse_problem_list(text.str());
  for (const auto& fault : list.faults) fmt::print(stderr, "{}:{}: {}\n", file, fault.line, fault.why);
  return list;
}

}  // namespace ak::cli
