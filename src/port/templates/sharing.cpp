#include "port/templates/sharing.hpp"

#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/wide_access.hpp"

namespace ak::port {

using loop::Node;
using loop::ScalarType;
using loop::Term;

namespace {

std::string guard_text(const Sweep& sweep) {
  std::string text;
  for (const Term& guard : sweep.guards) text += (text.empty() ? "(" : " && (") + loop::c_text(guard) + ")";
  return text;
}

/// Over integer parameters alone, `before` put in; nothing where that does not do.
std::optional<Term> over_parameters(const Work& work, Term term) {
  for (auto node = work.before.rbegin(); node != work.before.rend(); ++node)
    if (node->kind == Node::Kind::assign)
      term = loop::replace(term, [&](const Term& part) -> std::optional<Term> {
        return part.kind == Term::Kind::scalar && part.text == node->target.text ? std::optional(node->value) : std::nullopt;
      });
  bool known = true;
  const Names assigned = assigned_scalars(work.function->body);
  loop::for_each(term, [&](const Term& part) {
    if (part.kind == Term::Kind::scalar) {
      const loop::Parameter* parameter = loop::find_parameter(*work.function, part.text);
      known = known && parameter && !parameter->pointer && !assigned.count(part.text);
    }
    known = known && !is_real(part.type) && part.kind != Term::Kind::element && part.kind != Term::Kind::call;
  });
  return known ? std::optional(term) : std::nullopt;
}

Term ceiling(Term a, std::int64_t by) {
  if (by == 1) return a;
  return loop::binary("/", loop::binary("+", std::move(a), loop::integer(by - 1)), loop::integer(by));
}

Term trips_term(const Node& loop) {
  const Term &from = loop.step > 0 ? loop.begin : loop.end, &to = loop.step > 0 ? loop.end : loop.begin;
  return ceiling(loop::binary("-", loop::convert(ScalarType::i64, to), from), loop.step > 0 ? loop.step : -loop.step);
}

Term greater(const Term& a, const Term& b) {
  return {Term::Kind::choose, ScalarType::i64, {}, {loop::binary(">", a, b), a, b}};
}

}  // namespace

std::string trips_text(const Node& loop) {
  const Term &from = loop.step > 0 ? loop.begin : loop.end, &to = loop.step > 0 ? loop.end : loop.begin;
  const std::string difference = fmt::format("(long long)({}) - ({})", loop::c_text(to), loop::c_text(from));
  const std::int64_t step = loop.step > 0 ? loop.step : -loop.step;
  return step == 1 ? difference : fmt::format("({} + {}) / {}", difference, step - 1, step);
}

std::string variable_text(const Node& loop, const std::string& number) {
  const std::string begin = loop::c_text(loop.begin);
  const std::string moved = loop.step == 1 ? number : fmt::format("{} * {}", number, loop.step);
  return fmt::format("const {} {} = {};", c_name(loop.variable_type), loop.variable,
                     begin == "0" ? fmt::format("({})({})", c_name(loop.variable_type), moved)
                                  : fmt::format("({})(({}) + {})", c_name(loop.variable_type), begin, moved));
}

std::string warm_up_opening(const Work& work, const Sweep& sweep) {
  std::string text;
  for (const std::string& name : sweep.warm)
    text += fmt::format("  const {0} {1}_first_ = {1};\n", c_name(type_of(*work.function, name)), name);
  return text;
}

std::string iteration_text(const Sweep& sweep, const std::vector<Node>& body, int indent) {
  std::string text;
  const std::string space(indent, ' ');
  for (const std::string& name : sweep.warm) text += fmt::format("{0}{1} = {1}_first_;\n", space, name);
  if (!sweep.warm_up.empty())
    text +=
        fmt::format("{0}for (long long back_ = col_ < {1} ? 0 : col_ - {1}; back_ < col_; ++back_) {{\n{0}  {2}\n{3}{0}}}\n",
                    space, sweep.distance, variable_text(sweep.col, "back_"), statements(sweep.warm_up, indent + 2));
  return text + statements(body, indent);
}

std::string sweep_text(const Sweep& sweep, const Iteration& iteration, const std::string& limit, const Packs* packs) {
  std::string text, ends;
  int indent = 2;
  const auto line = [&](const std::string& words) { text += std::string(indent, ' ') + words + "\n"; };
  const auto open = [&](const std::string& words) {
    line(words + " {");
    ends = std::string(indent, ' ') + "}\n" + ends;
    indent += 2;
  };
  if (!sweep.guards.empty()) open("if (" + guard_text(sweep) + ")");
  std::string part = "blockIdx.x", parts = "gridDim.x";
  if (!sweep.rows.empty()) {
    std::string rows;
    for (const Node& row : sweep.rows) {
      line(fmt::format("const long long {}_trips_ = {};", row.variable, trips_text(row)));
      rows += fmt::format("{}({}_trips_ > 0 ? {}_trips_ : 0)", rows.empty() ? "" : " * ", row.variable, row.variable);
    }
    line(fmt::format("const long long rows_ = {};", rows));
    line(
        "const unsigned parts_ = rows_ > 0 && rows_ < gridDim.x ? gridDim.x / (unsigned)rows_ : 1, at_once_ = gridDim.x / "
        "parts_;");
    open("for (long long row_ = blockIdx.x / parts_ < at_once_ ? blockIdx.x / parts_ : rows_; row_ < rows_; row_ += at_once_)");
    std::string rest = "row_";
    for (std::size_t i = sweep.rows.size(); i-- > 0;) {
      const std::string& name = sweep.rows[i].variable;
      line(variable_text(sweep.rows[i], i == 0 ? rest : fmt::format("({} % {}_trips_)", rest, name)));
      if (i > 0) rest = fmt::format("({} / {}_trips_)", rest, name);
    }
    part = "blockIdx.x % parts_";
    parts = "parts_";
  }
  for (const Node& loop : sweep.inside) {
    const std::string empty = loop::c_text({loop}, indent);  // "for (...) {" and "}"
    const std::string head = empty.substr(0, empty.rfind(" {\n"));
    open(head.substr(indent));
  }
  line(fmt::format("long long cols_ = {};", trips_text(sweep.col)));
  if (!limit.empty()) line(fmt::format("cols_ = cols_ < {0} ? cols_ : {0};", limit));
  const std::string mine = fmt::format("(long long)({}) * blockDim.x + threadIdx.x", part),
                    all = fmt::format("(long long){} * blockDim.x", parts);
  const auto one_by_one = [&](const std::string& from, const std::string& to) {
    if (packs) text += "#pragma unroll 1\n";  // a few
    line(fmt::format("for (long long col_ = {}; col_ < {}; col_ += {}) {{", from, to, all));
    line("  " + variable_text(sweep.col, "col_"));
    text += iteration(indent + 2, false);
    line("}");
  };
  if (!packs) {
    one_by_one(mine, "cols_");
    return text + ends;
  }
  // Rising in each thread: iterations before the first aligned one, packs, what is left.
  line("long long lead_ = 0, packs_ = 0;");
  line(fmt::format("if (cols_ >= {}) {{", 2 * packs->count()));
  line("  " + variable_text(sweep.col, "0"));
  line(fmt::format("  lead_ = {};", packs->until_aligned()));
  line("}");
  line(fmt::format("if (cols_ >= {}) {{", 2 * packs->count()));
  line("  " + variable_text(sweep.col, "lead_"));
  line(fmt::format("  if ({}) packs_ = (cols_ - lead_) / {};", packs->aligned(), packs->count()));
  line("}");
  one_by_one(mine, "lead_");
  line(fmt::format("for (long long pack_ = {}; pack_ < packs_; pack_ += {}{}) {{", mine,
                   packs->at_once() > 1 ? fmt::format("{} * ", packs->at_once()) : "", all));
  text += packs->declarations(indent + 2);
  const auto each_pack = [&](const std::string& words) {
    text += fmt::format(
        "#pragma unroll\n{0}for (int u_ = 0; u_ < {1}; ++u_) {{\n{0}  const long long at_ = pack_ + u_ * ({2});\n{0}  if (at_ "
        ">= "
        "packs_) break;\n{3}{0}}}\n",
        std::string(indent + 2, ' '), packs->at_once(), all, words);
  };
  const std::string space(indent + 4, ' ');
  const std::string first = space + variable_text(sweep.col, fmt::format("(lead_ + at_ * {})", packs->count())) + "\n";
  each_pack(first + packs->loads(indent + 4));
  each_pack(
      fmt::format("#pragma unroll\n{0}for (int lane_ = 0; lane_ < {1}; ++lane_) {{\n{0}  const long long col_ = lead_ + at_ * "
                  "{1} + lane_;\n{0}  {2}\n{3}{0}}}\n",
                  space, packs->count(), variable_text(sweep.col, "col_"), iteration(indent + 6, true)) +
      first + packs->stores(indent + 4));
  line("}");
  one_by_one(fmt::format("lead_ + packs_ * {} + {}", packs->count(), mine), "cols_");
  return text + ends;
}

Term blocks_for(const Work& work, const Sweep& sweep, int each) {
  const Term guess = loop::binary("*", loop::scalar(loop::kSms, ScalarType::i32), loop::integer(8));
  Term col = trips_term(sweep.col);
  for (const auto* loops : {&sweep.inside, &sweep.rows})
    for (auto loop = loops->rbegin(); loop != loops->rend(); ++loop) {
      if (!loop::mentions(col, loop->variable)) continue;
      // As long as at the longer end of the loop around it.
      const auto at = [&](const Term& value) {
        return loop::replace(col, [&](const Term& part) {
          return part.kind == Term::Kind::scalar && part.text == loop->variable ? std::optional(value) : std::nullopt;
        });
      };
      const Term last = loop::binary(loop->step > 0 ? "-" : "+", loop->end, loop::integer(1));
      col = greater(at(loop->begin), at(last));
    }
  Term all = ceiling(std::move(col), each);
  for (const Node& row : sweep.rows) all = loop::binary("*", trips_term(row), std::move(all));
  const auto known = over_parameters(work, std::move(all));
  return known ? greater(*known, loop::integer(1, ScalarType::i64)) : guess;
}

}  // namespace ak::port
