#include "prove/proof_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "prove/suite.hpp"

namespace ak::proof {
namespace {

using Rows = std::vector<const BenchRow*>;
using Keep = std::function<bool(const BenchRow&)>;

double own(const BenchRow& r) { return r.own_us.value_or(0); }
double untuned(const BenchRow& r) { return r.default_us.value_or(0); }
double vendor(const BenchRow& r) { return r.vendor_us; }
double dispatched(const BenchRow& r) { return r.ak_us; }
double first_and_pass(const BenchRow& r) { return r.lt_separate_us.value_or(0); }

Rows select(const Rows& rows, const Keep& keep) {
  Rows kept;
  for (const BenchRow* row : rows)
    if (keep(*row)) kept.push_back(row);
  return kept;
}

/// Distinct values in the order of the rows.
template <class T>
std::vector<T> distinct(const Rows& rows, T BenchRow::*member) {
  std::vector<T> values;
  for (const BenchRow* row : rows)
    if (std::find(values.begin(), values.end(), row->*member) == values.end()) values.push_back(row->*member);
  return values;
}

std::string shown(const Gain& gain) { return gain.rows ? fmt::format("{:.2f}x", gain.mean) : "-"; }
std::string shown_us(double us) { return us > 0 ? fmt::format("{:.2f}", us) : "-"; }
std::string ratio(double slow, double fast) { return slow > 0 && fast > 0 ? fmt::format("{:.2f}x", slow / fast) : "-"; }
std::string sizes(const BenchRow& r) { return fmt::format("{}x{}x{}", r.m, r.n, r.k); }

std::string line(const std::vector<std::string>& cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); }
std::string heading(const std::vector<std::string>& cells) {
  std::string rule = "|";
  for (std::size_t i = 0; i < cells.size(); ++i) rule += "---|";
  return fmt::format("{}{}\n", line(cells), rule);
}

// A label, then a cell for each activation.
std::string across(const std::string& label, const Rows& rows, const std::vector<std::string>& activations,
                   const std::function<std::string(const Rows&)>& cell) {
  std::vector<std::string> cells{label};
  for (const std::string& activation : activations)
    cells.push_back(cell(select(rows, [&](const BenchRow& r) { return r.activation == activation; })));
  return line(cells);
}

std::string wins(const Rows& rows) {
  const Rows compared = select(rows, [](const BenchRow& r) { return r.vendor_us > 0; });
  if (compared.empty()) return "-";
  const auto won = select(compared, [](const BenchRow& r) { return r.own_us && *r.own_us < r.vendor_us; }).size();
  return fmt::format("{} of {} ({:.0f} %)", won, compared.size(), 100.0 * won / compared.size());
}

std::string worst(const Rows& rows) {
  const BenchRow* slowest = nullptr;
  for (const BenchRow* r : select(rows, [](const BenchRow& r) { return r.vendor_us > 0 && r.ak_us > 0; }))
    if (!slowest || r->vendor_us / r->ak_us < slowest->vendor_us / slowest->ak_us) slowest = r;
  return slowest ? fmt::format("{} {}", ratio(slowest->vendor_us, slowest->ak_us), sizes(*slowest)) : "-";
}

std::string by_class(const Rows& rows, const std::vector<std::string>& activations) {
  std::vector<std::string> cells{"own kernel against cuBLASLt's best", "rows"};
  cells.insert(cells.end(), activations.begin(), activations.end());
  std::string text = heading(cells);
  const auto add = [&](const std::string& label, const Rows& of) {
    std::size_t most = 0;
    for (const std::string& activation : activations)
      most = std::max(most, select(of, [&](const BenchRow& r) { return r.activation == activation; }).size());
    text += across(fmt::format("{} | {}", label, most), of, activations,
                   [](const Rows& some) { return shown(gain(some, vendor, own)); });
  };
  for (const std::string& kind : distinct(rows, &BenchRow::kind))
    add(kind, select(rows, [&](const BenchRow& r) { return r.kind == kind; }));
  return text;
}

std::string means(const std::string& label, const Rows& rows, const std::vector<std::string>& activations, Time slow, Time fast) {
  return across(label, rows, activations, [&](const Rows& some) { return shown(gain(some, slow, fast)); });
}

// What calls get: in both tables.
std::string as_dispatched(const Rows& rows, const std::vector<std::string>& activations) {
  return means("as dispatched, against cuBLASLt's best", rows, activations, vendor, dispatched) +
         means("as dispatched, against cuBLASLt's first heuristic + pass", rows, activations, first_and_pass, dispatched);
}
std::string won_and_worst(const Rows& rows, const std::vector<std::string>& activations) {
  return across("rows where an own kernel is faster than cuBLASLt's best", rows, activations, wins) +
         across("slowest row as dispatched", rows, activations, worst);
}

// How a set of rows fares, in every way that counts.
std::string fares(const std::string& title, const Rows& rows, const std::vector<std::string>& activations) {
  std::vector<std::string> cells{title};
  cells.insert(cells.end(), activations.begin(), activations.end());
  std::string text = heading(cells);
  text += means("own kernel, against cuBLASLt's best", rows, activations, vendor, own);
  text += as_dispatched(rows, activations);
  text += means("the cost model's first choice, against cuBLASLt's best", rows, activations, vendor, untuned);
  text += means("the tuned own kernel, against that first choice", rows, activations, untuned, own);
  return text + won_and_worst(rows, activations);
}

std::string below(const Rows& rows) {
  std::string text;
  int count = 0, compared = 0;
  for (const BenchRow* r : rows) {
    compared += r->vendor_us > 0;
    if (r->vendor_us <= 0 || r->vendor_us >= kLeastDispatched * r->ak_us) continue;
    text += fmt::format("{}{} ({})", count++ ? ", " : "", r->key(), ratio(r->vendor_us, r->ak_us));
  }
  if (!count)
    return fmt::format("None of the {} rows is dispatched at less than {}x of cuBLASLt's best.\n", compared, kLeastDispatched);
  return fmt::format("Dispatched at less than {}x of cuBLASLt's best in each of {} windows: {} of {} rows, {}.\n",
                     kLeastDispatched, kMostRounds, count, compared, text);
}

std::string one_by_one(const Rows& rows) {
  std::string text = heading({"problem", "own, us", "first choice, us", "cuBLASLt's best, us", "fused",
                              "first heuristic + pass", "cuBLASLt's best over own"});
  for (const BenchRow* r : rows)
    text += line({fmt::format("{} {}", r->kind, r->key()), shown_us(own(*r)), shown_us(untuned(*r)), shown_us(r->vendor_us),
                  shown_us(r->lt_fused_us.value_or(0)), shown_us(first_and_pass(*r)), ratio(r->vendor_us, own(*r))});
  return text;
}

std::string clocks(const Rows& rows) {
  const auto range = [&](const Keep& keep) {
    std::pair<double, double> between{1e9, 0};
    for (const BenchRow* r : select(rows, keep))
      if (r->clock_mhz > 0)
        between = {std::min(between.first, r->clock_mhz / 1000), std::max(between.second, r->clock_mhz / 1000)};
    return between.second > 0 ? fmt::format("{:.2f} to {:.2f} GHz", between.first, between.second) : std::string("-");
  };
  return fmt::format("SM clock: {} in large products, {} elsewhere.\n",
                     range([](const BenchRow& r) { return r.kind == "large"; }),
                     range([](const BenchRow& r) { return r.kind != "large"; }));
}

std::string checks(const Record& record) {
  Count sum;
  std::string groups;
  for (const auto& [group, count] : record.tests) {
    sum.passed += count.passed, sum.failed += count.failed;
    groups += fmt::format("{}{} {}", groups.empty() ? "" : ", ", group, count.passed + count.failed);
  }
  return fmt::format("Checks: {} passed, {} failed ({}).\n", sum.passed, sum.failed, groups);
}

std::string outdated(const Record& record) {
  std::size_t count = 0;
  for (const BenchRow& r : record.bench) {
    const auto digest = record.digests.find(r.own_tactic.substr(0, r.own_tactic.find(' ')));
    count += !r.own_digest.empty() && (digest == record.digests.end() || digest->second.substr(0, 8) != r.own_digest);
  }
  return count ? fmt::format("{} rows were measured with other device code than the one that was checked.\n", count) : "";
}

// relu first: it is what the searches were made with.
std::vector<std::string> activations_of(const Rows& rows) {
  std::vector<std::string> activations = distinct(rows, &BenchRow::activation);
  const auto rank = [](const std::string& activation) {
    static constexpr const char* kOrder[] = {"relu", "leaky_relu", "silu", "gelu_tanh"};
    return std::find(std::begin(kOrder), std::end(kOrder), activation) - std::begin(kOrder);
  };
  std::stable_sort(activations.begin(), activations.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return activations;
}

Rows rows_of(const Record& record) {
  Rows rows;
  for (const BenchRow& row : record.bench) rows.push_back(&row);
  return rows;
}

bool in_suite(const BenchRow& r) { return r.epilogue.empty() && r.dtype == "bf16"; }
bool usual(const BenchRow& r) { return r.kind != "awkward"; }
constexpr const char* kUsual = "all without awkward";

std::string versions(const Record& record) {
  std::string text = fmt::format("{}, driver {}", record.gpu, record.driver);
  if (!record.nvrtc.empty()) text += fmt::format(", NVRTC {}, cuBLASLt {}", record.nvrtc, record.cublaslt);
  return text + fmt::format(", {}.\n\n", record.date);
}

}  // namespace

Gain gain(const Rows& rows, Time slow, Time fast) {
  Gain gain;
  double logs = 0;
  for (const BenchRow* row : rows)
    if (slow(*row) > 0 && fast(*row) > 0) logs += std::log(slow(*row) / fast(*row)), ++gain.rows;
  if (gain.rows) gain.mean = std::exp(logs / gain.rows);
  return gain;
}

std::string table(const Record& record) {
  const Rows all = rows_of(record), suite = select(all, in_suite),
             half = select(all, [](const BenchRow&r) { return r.epilogue.empty() && r.dtype == "f16"; }),
             beyond = select(all, [](const BenchRow&r) { return !r.epilogue.empty(); });
  const std::vector<std::string> activations = activations_of(suite);
  std::string text = versions(record);
  if (!suite.empty()) {
    text += by_class(suite, activations) + '\n';
    text += fares(kUsual, select(suite, usual), activations);
    const Rows small = select(suite, [](const BenchRow& r) { return r.kind != "large"; });
    text += across("the same without large, with awkward", small, activations, wins) + '\n';
  }
  if (!half.empty())
    text += fmt::format("f16, {} rows of all classes: own kernel against cuBLASLt's best {}, as dispatched {}.\n\n",
                        half.size(), shown(gain(half, vendor, own)), shown(gain(half, vendor, dispatched)));
  if (!beyond.empty()) text += one_by_one(beyond) + '\n';
  if (!all.empty()) text += below(all) + clocks(all);
  return text + checks(record) + outdated(record);
}

std::string summary(const Record& record) {
  const Rows all = rows_of(record), rows = select(select(all, in_suite), usual);
  const std::vector<std::string> activations = activations_of(rows);
  std::vector<std::string> cells{kUsual};
  cells.insert(cells.end(), activations.begin(), activations.end());
  return versions(record) + heading(cells) + as_dispatched(rows, activations) + won_and_worst(rows, activations) + '\n' +
         below(all);
}

std::string class_tables(const Record& record) {
  const Rows suite = select(rows_of(record), in_suite);
  std::string text;
  for (const std::string& kind : distinct(suite, &BenchRow::kind))
    text += fares(kind, select(suite, [&](const BenchRow& r) { return r.kind == kind; }), activations_of(suite)) + '\n';
  return text;
}

std::string row_table(const Record& record) { return one_by_one(rows_of(record)); }

std::string with_table(const std::string& text, const std::string& table, const std::string& mark) {
  const std::string open = fmt::format("<!-- {} -->\n", mark), close = fmt::format("<!-- /{} -->\n", mark);
  const auto from = text.find(open), to = text.find(close);
  if (from == text.npos || to == text.npos || to < from)
    throw Error(ErrorCode::invalid_argument, fmt::format("no lines {} and {}", open, close));
  return text.substr(0, from + open.size()) + table + text.substr(to);
}

}  // namespace ak::proof
