#include "port/report/section.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/terminal.hpp"
#include "base/text.hpp"

namespace ak::port {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*[]<>|#~").find(c) != std::string_view::npos) out += '\\';  // `_` in a name means nothing
    out += c;
  }
  return out;
}

}  // namespace

std::string plain(std::string_view text) {
  constexpr std::size_t kMost = 500;  // a refusal with its remedy
  return one_line(text, kMost) + (text.size() > kMost ? "..." : "");
}

std::string shown_times(double times) {
  if (times <= 0) return "-";
  return times < 0.1 ? fmt::format("{:.2g}x", times) : fmt::format("{:.{}f}x", times, times < 100 ? 2 : 0);
}

std::string shown(const std::optional<SpeedUp>& s) {
  if (!s) return "-";
  return (s->bound == SpeedUp::Bound::least ? ">= " : s->bound == SpeedUp::Bound::most ? "<= " : "") + shown_times(s->times);
}

std::string shown(const Arm& arm) { return (arm.timed_out ? "> " : "") + shown_us(arm.us); }

std::string share(std::size_t part, std::size_t whole) {
  return whole ? fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole)) : "-";
}

Section::Section(std::string_view title, std::string_view head) : title_(title) {
  for (const std::string_view column : split(head, '|')) head_.emplace_back(column);
}

Section& Section::operator<<(std::string_view text) {
  cells_.push_back(plain(text));
  return *this;
}

Section& Section::operator<<(std::size_t count) { return *this << std::string_view(fmt::format("{}", count)); }

std::string Section::text() const {
  std::string out = title_ + "\n";
  for (const std::string& line : lines_) out += "  " + line + "\n";
  if (!has_rows()) return out;
  const std::size_t columns = head_.size();
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns; ++i) widths.push_back(characters(named(i)));
  for (std::size_t i = 0; i < cells_.size(); ++i) widths[i % columns] = std::max(widths[i % columns], characters(cells_[i]));
  std::string line;
  const auto add = [&](std::size_t column, std::string_view cell) {
    const std::string gap(widths[column] - characters(cell), ' ');
    line += "  ";
    if (of_numbers(column)) line += gap;
    line += cell;
    if (!of_numbers(column)) line += gap;
    if (column + 1 < columns) return;
    out.append(line, 0, line.find_last_not_of(' ') + 1) += '\n';
    line.clear();
  };
  for (std::size_t i = 0; i < columns; ++i) add(i, named(i));
  for (std::size_t i = 0; i < cells_.size(); ++i) add(i % columns, cells_[i]);
  return out;
}

std::string Section::markdown() const {
  std::string out = "## " + escaped(title_) + "\n\n";
  for (const std::string& line : lines_) out += "- " + escaped(line) + "\n";
  if (!has_rows()) return out;
  if (!lines_.empty()) out += '\n';
  const std::size_t columns = head_.size();
  const auto add = [&](std::size_t column, const std::string& cell) {
    out += "| " + cell + (column + 1 < columns ? " " : " |\n");
  };
  for (std::size_t i = 0; i < columns; ++i) add(i, escaped(named(i)));
  for (std::size_t i = 0; i < columns; ++i) add(i, of_numbers(i) ? "--:" : "---");
  for (std::size_t i = 0; i < cells_.size(); ++i) add(i % columns, escaped(cells_[i]));
  return out;
}

}  // namespace ak::port
