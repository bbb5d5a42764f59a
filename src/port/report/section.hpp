// A part of a report: a title, lines, a table; as text or Markdown.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "port/report/figures.hpp"

namespace ak::port {

/// What came from outside, fit for a line: printable ASCII, not long.
std::string plain(std::string_view text);
/// "3.52x", "0.043x", ">= 12.10x"; "-" for nothing.
std::string shown_times(double times);
std::string shown(const std::optional<SpeedUp>& speed_up);
/// "7.40 us", "> 60.00 s"; "-" where it was not timed.
std::string shown(const Arm& arm);
/// "66.7 %".
std::string share(std::size_t part, std::size_t whole);

class Section {
 public:
  /// head: names of columns, separated by '|', after a '>' one of numbers.
  explicit Section(std::string_view title, std::string_view head = {});

  void line(std::string text) { lines_.push_back(std::move(text)); }
  /// Cells, row by row.
  Section& operator<<(std::string_view text);
  Section& operator<<(std::size_t count);
  Section& operator<<(double times) { return *this << std::string_view(shown_times(times)); }
  Section& operator<<(const std::optional<SpeedUp>& speed_up) { return *this << std::string_view(shown(speed_up)); }
  Section& operator<<(const Arm& arm) { return *this << std::string_view(shown(arm)); }

  bool has_rows() const { return !cells_.empty(); }
  std::string text() const;
  std::string markdown() const;

 private:
  bool of_numbers(std::size_t column) const { return head_[column][0] == '>'; }
  std::string_view named(std::size_t column) const { return std::string_view(head_[column]).substr(of_numbers(column)); }

  std::string title_;
  std::vector<std::string> lines_, head_, cells_;
};

}  // namespace ak::port
