// The list of problems that `ak warm` reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ak/tokens.hpp"
#include "core/problem.hpp"

namespace ak::cli {

struct ProblemList {
  struct Item {
    int line;
    Problem problem;
    std::int64_t count = 0;  // how often its bucket was asked for, of what mode `record` wrote; 0: not known
    TokenRange tokens = {};  // all buckets of it are wanted: a range in the m column, or the bucket of what was recorded
  };
  struct Fault {
    int line;
    std::string why;
  };
  std::vector<Item> items;
  std::vector<Fault> faults;
};

/// One problem a line: CSV under a header line that names the fields, in any case and order (m, which may be a range as
/// 1:512 is, n, k, and any of act or
/// activation, dtype, out, layout, bias, c, alpha, gated, aux, scale; class is for people), or the text of a problem as `ak ls`
/// prints it, or mode `record` writes it: with count=N, and one item for all lines of a problem. As spreadsheets write it: separated by commas, semicolons or tabs, lines of any length and end, a byte-order
/// mark. Blank lines and lines that begin with # are skipped. A bad line is a Fault, never the end; what is no
/// text is one Fault and nothing else.
ProblemList parse_problem_list(std::string_view text);

/// Of a file; each fault is printed to stderr as "file:line: what is wrong". Throws Error{invalid_argument} when it cannot be
/// read.
ProblemList read_problem_list(const std::string& file);

}  // namespace ak::cli
