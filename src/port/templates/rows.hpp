// A loop inside parallel ones: each iteration of these is a row.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "port/templates/templates.hpp"

namespace ak::port {

struct Rows {
  std::vector<loop::Term> guards;      // around all loops: where one is false nothing runs
  std::vector<loop::Node> outer;       // parallel loops without their bodies, outermost first; none: there is one row
  loop::Node loop;                     // the group's innermost one
  std::vector<loop::Node> head, tail;  // beside it in a row
};

/// Nothing where loops have statements beside them other than in a row, or outer loops' bounds move.
std::optional<Rows> rows_of(const Work& work);

/// How many iterations a loop has, at least 0; nothing where integer parameters do not tell.
std::optional<loop::Term> trips(const Work& work, const loop::Node& loop);
/// How many rows, or where that is not known some number that keeps a GPU busy.
loop::Term row_count(const Work& work, const Rows& rows);

/// C: a count, or 0 where a guard is false.
std::string guarded(const Rows& rows, const std::string& count);
/// C: declares `rows_`, with the loops' own counts. Indented by 2.
std::string count_rows(const Rows& rows);
/// C: the outer loops' variables of row `number`, a long long.
std::string in_row(const Rows& rows, const std::string& number, int indent);

}  // namespace ak::port
