#include "cli/problem_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "base/csv.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "cli/cli.hpp"
#include "core/bucket.hpp"

namespace ak::cli {
namespace {

// It has commas too (align=16,16,16,16), but its first word is MxNxK.
bool is_problem_text(std::string_view line) {
  return line.substr(0, line.find(' ')).find('x') != line.npos && line.find_first_of(",;\t") > line.find('x') && line[0] != '#';
}

// Nothing, a comment, or what `ak ls` prints below a problem: its kernel.
bool is_skipped(std::string_view line) {
  const auto words = trimmed(line);
  return words.empty() || words[0] == '#' || (line.starts_with("    ") && words.find(": ") != words.npos);
}

constexpr std::string_view kColumns[] = {"m", "n",     "k",     "act", "activation", "dtype", "out",   "layout",  "bias",
                                         "c", "alpha", "gated", "aux", "scale",      "batch", "class", "numerics"};

// Lower-cases the fields of a header, which may be in any case and order.
bool is_header(std::vector<std::string>& fields) {
  std::vector<std::string> words;
  for (const std::string& field : fields) words.push_back(lower(field));
  for (const char* size : {"m", "n", "k"})
    if (std::ranges::find(words, size) == words.end()) return false;
  fields = std::move(words);
  return true;
}

// A spreadsheet's row is as long as its longest.
void drop_empty_end(std::vector<std::string>& fields, std::size_t least) {
  while (fields.size() > least && fields.back().empty()) fields.pop_back();
}

// Of the first line that is neither a comment nor a problem's text.
char separator_of(std::string_view text) {
  for (const std::string_view line : split(text, '\n'))
    if (const auto words = trimmed(line); !is_skipped(line) && !is_problem_text(words)) {
      const auto found = words.find_first_of(",;\t");
      return found == words.npos ? ',' : words[found];
    }
  return ',';
}

[[noreturn]] void bad_list(const std::string& why) { throw Error(ErrorCode::invalid_argument, why); }

/// A problem's text, and count=N behind it: then it was called, and its bucket is what a first call tunes.
ProblemList::Item item_of_text(int line, std::string_view text) {
  constexpr std::string_view kCount = " count=";
  ProblemList::Item item{line, {}};
  if (const auto at = text.rfind(kCount); at != text.npos) {
    const std::string_view digits = text.substr(at + kCount.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), item.count);
    if (error != std::errc() || end != digits.data() + digits.size() || item.count < 1)
      bad_list(fmt::format("count: '{}' is not a number of 1 or more", digits));
    text = text.substr(0, at);
  }
  item.problem = problem_of_text(text);
  if (item.count > 0) {
    item.tokens = bucket_of(item.problem.m);
    item.problem.m = item.tokens.to;
  }
  return item;
}

ProblemList::Item csv_item(int line, const std::vector<std::string>& header, const std::vector<std::string>& fields) {
  if (fields.size() != header.size())
    bad_list(fmt::format("{}, {} expected: {}", counted(fields.size(), "comma-separated field"), header.size(),
                         fmt::join(header, ",")));
  std::map<std::string, std::string> row;
  for (std::size_t i = 0; i < header.size(); ++i) row[header[i]] = fields[i];
  const auto size = [&](const char* key) {
    const std::string& text = row[key];
    std::int64_t value = 0;
    // A spreadsheet may write 16 as 16.0.
    const auto point = std::min(text.find('.'), text.size());
    const auto* const whole_end = text.data() + (text.find_first_not_of('0', point + 1) == text.npos ? point : text.size());
    const auto [end, error] = std::from_chars(text.data(), whole_end, value);
    if (error == std::errc::result_out_of_range) bad_list(fmt::format("{}: {} is over 2^31 - 1", key, text));
    if (text.empty() || error != std::errc()) bad_list(fmt::format("{}: '{}' is not a number", key, text));
    if (end != whole_end) bad_list(fmt::format("{}: '{}' is not a whole number", key, text));
    return value;
  };
  const auto word = [&](const char* key, const char* fallback) { return row[key].empty() ? std::string(fallback) : row[key]; };
  const auto flag = [&](const char* key) {
    const std::string text = lower(word(key, "0"));
    const bool yes = text == "1" || text == "true";
    if (!yes && text != "0" && text != "false") bad_list(fmt::format("{}: '{}' is not 0 or 1", key, text));
    return yes;
  };
  ProblemArguments words;
  words.activation = row.count("act") ? word("act", "identity") : word("activation", "identity");
  ProblemList::Item item{line, {}};
  if (is_range(row["m"])) item.tokens = tokens_of("m", row["m"]);
  words.sizes = {item.tokens.none() ? size("m") : item.tokens.to, size("n"), size("k")};
  words.dtype = word("dtype", "bf16"), words.out = word("out", ""), words.layout = word("layout", "nt");
  words.bias = flag("bias"), words.c = flag("c"), words.alpha = flag("alpha");
  words.gated = flag("gated"), words.aux = flag("aux"), words.scale = word("scale", "");
  words.numerics = word("numerics", "");
  if (!row["batch"].empty()) words.batch = size("batch");
  item.problem = contiguous_problem(words);
  return item;
}

}  // namespace

ProblemList parse_problem_list(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte-order mark
  ProblemList list;
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    list.faults.push_back({1, "the file is UTF-16; save it as UTF-8"});
    return list;
  }
  if (const auto nul = text.find('\0'); nul != text.npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n');
    list.faults.push_back({static_cast<int>(line), "the file is no text: it has a zero byte here"});
    return list;
  }
  std::string with_newlines;
  if (text.find('\n') == text.npos && text.find('\r') != text.npos) {
    with_newlines = text;
    std::ranges::replace(with_newlines, '\r', '\n');
    text = with_newlines;
  }
  const auto add = [&](ProblemList::Item item) {
    if (item.count > 0)
      for (ProblemList::Item& known : list.items)
        if (known.count > 0 && known.problem == item.problem) return void(known.count += item.count);
    list.items.push_back(std::move(item));
  };
  const char separator = separator_of(text);
  std::vector<std::string> header;
  bool readable = true;  // rows under a header that is not understood could mean anything
  bool before_rows = true;
  int number = 1;
  const char* counted = text.data();
  for (std::string_view rest = text; !rest.empty();) {
    number += static_cast<int>(std::count(std::exchange(counted, rest.data()), rest.data(), '\n'));
    const std::string_view untrimmed = rest.substr(0, rest.find('\n')), line = trimmed(untrimmed);
    const bool skipped = is_skipped(untrimmed), whole_line = skipped || is_problem_text(line);
    if (whole_line) rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    try {
      auto fields = whole_line ? std::vector<std::string>() : take_csv_record(rest, separator);
      if (whole_line) {
        if (!skipped) add(item_of_text(number, line));
        continue;
      }
      drop_empty_end(fields, header.size());
      if (std::ranges::all_of(fields, &std::string::empty)) continue;
      const bool first = std::exchange(before_rows, false);
      if (header.empty() && is_header(fields)) {
        header = std::move(fields);
        for (const auto& column : header)
          if (std::find(std::begin(kColumns), std::end(kColumns), column) == std::end(kColumns)) {
            readable = false;
            bad_list(
                fmt::format("'{}' is not a column ({}); the rows below it are left out", column, fmt::join(kColumns, ", ")));
          } else if (std::ranges::count(header, column) > 1) {
            readable = false;
            bad_list(fmt::format("'{}' is a column twice; the rows below it are left out", column));
          }
      } else if (first && std::ranges::none_of(fields, [](const std::string& field) { return is_digit(field[0]); })) {
        readable = false;
        bad_list(fmt::format("'{}' is no header: m, n and k are not among its columns; the rows below it are left out",
                             fmt::join(fields, std::string_view(&separator, 1))));
      } else if (readable) {
        static const std::vector<std::string> kPlain{"m", "n", "k"};
        add(csv_item(number, header.empty() ? kPlain : header, fields));
      }
    } catch (const Error& error) {
      list.faults.push_back({number, error.what()});
    }
  }
  return list;
}

ProblemList read_problem_list(const std::string& file) {
  std::error_code error;
  const auto type = std::filesystem::status(file, error).type();
  if (type == std::filesystem::file_type::not_found) bad_list(fmt::format("{}: no such file", file));
  if (type == std::filesystem::file_type::directory) bad_list(fmt::format("{}: is a folder", file));
  std::ifstream in(file, std::ios::binary);
  if (!in) bad_list(fmt::format("{}: cannot be read", file));
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (text.empty()) bad_list(fmt::format("{}: is empty", file));
  ProblemList list = parse_problem_list(text);
  for (const auto& fault : list.faults) fmt::print(stderr, "{}:{}: {}\n", file, fault.line, printable(fault.why));
  return list;
}

}  // namespace ak::cli
