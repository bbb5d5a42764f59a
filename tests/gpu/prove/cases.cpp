#include "prove/cases.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include "families/family.hpp"

namespace ak::proof {
namespace {

enum { kFamily, kIn, kLayout, kActivation, kOut, kAlignIn, kAlignOut, kBias, kC, kAlpha, kExtras, kFactors };

// Gate, aux and scales. Plain problems are most of what is called, so they are five levels of twelve.
struct Extras {
  bool gated = false, aux = false, row_scale = false, column_scale = false;
};
constexpr Extras kExtraLevels[] = {{},
                                   {},
                                   {},
                                   {},
                                   {},
                                   {.gated = true},
                                   {.aux = true},
                                   {.gated = true, .aux = true},
                                   {.row_scale = true},
                                   {.column_scale = true},
                                   {.aux = true, .row_scale = true, .column_scale = true},
                                   {.gated = true, .aux = true, .row_scale = true, .column_scale = true}};

// (factor, level, factor, level), factors in order.
using Pair = std::tuple<int, int, int, int>;

Row random_row(std::mt19937_64& random) {
  Row row;
  for (const Factor& factor : factors()) row.push_back(static_cast<int>(random() % static_cast<unsigned>(factor.levels)));
  return row;
}

template <class Visit>
void for_each_pair(const Row& row, Visit&& visit) {
  for (int i = 0; i < kFactors; ++i)
    for (int j = i + 1; j < kFactors; ++j) visit(Pair{i, row[i], j, row[j]});
}

// All pairs that occur in some possible row.
std::set<Pair> possible_pairs(const DeviceFacts& device) {
  std::mt19937_64 random(11);
  std::set<Pair> pairs;
  for (int i = 0; i < kFactors; ++i)
    for (int a = 0; a < factors()[i].levels; ++a)
      for (int j = i + 1; j < kFactors; ++j)
        for (int b = 0; b < factors()[j].levels; ++b)
          for (int attempt = 0; attempt < 400; ++attempt) {
            Row row = random_row(random);
            row[i] = a, row[j] = b;
            if (!possible(row, device)) continue;
            pairs.insert({i, a, j, b});
            break;
          }
  return pairs;
}

}  // namespace

const std::vector<Factor>& factors() {
  static const std::vector<Factor> all = {{"family", kFamilyCount - 1},
                                          {"in", 2},
                                          {"layout", 4},
                                          {"activation", kActivationCount},
                                          {"out", 3},
                                          {"align_in", 4},
                                          {"align_out", 4},
                                          {"bias", 3},
                                          {"c", 2},
                                          {"alpha", 2},
                                          {"extras", static_cast<int>(std::size(kExtraLevels))}};
  return all;
}

FamilyId family_of(const Row& row) { return static_cast<FamilyId>(row[kFamily] + 1); }

Problem structure(const Row& row) {
  Problem p;
  p.in = static_cast<DType>(row[kIn]);
  p.a_major = row[kLayout] & 1 ? Major::mn : Major::k;
  p.b_major = row[kLayout] & 2 ? Major::mn : Major::k;
  p.align_a = p.align_b = static_cast<std::uint8_t>(2 << row[kAlignIn]);
  p.align_d = static_cast<std::uint8_t>(2 << row[kAlignOut]);
  auto& e = p.epilogue;
  e.activation = static_cast<Activation>(row[kActivation]);
  e.out = static_cast<DType>(row[kOut]);
  e.bias = static_cast<BiasAxis>(row[kBias]);
  if (e.bias != BiasAxis::none) e.bias_dtype = e.out;
  e.has_c = row[kC];
  p.align_c = e.has_c ? p.align_d : 16;
  e.unit_alpha = row[kAlpha] == 0;
  const Extras& extras = kExtraLevels[row[kExtras]];
  e.gated = extras.gated, e.aux = extras.aux, e.row_scale = extras.row_scale, e.column_scale = extras.column_scale;
  return p;
}

bool possible(const Row& row, const DeviceFacts& device) {
  Problem p = structure(row);
  if (p.align_d < size_of(p.epilogue.out)) return false;
  if (p.epilogue.gated && (p.epilogue.has_c || p.epilogue.bias == BiasAxis::row)) return false;
  p.m = 8, p.n = 64, p.k = 64;
  return !family(family_of(row)).refuses(p, device);
}

std::vector<Row> covering_rows(const DeviceFacts& device, std::size_t at_least, std::uint64_t seed) {
  const std::set<Pair> pairs = possible_pairs(device);
  std::mt19937_64 random(seed);
  std::vector<Row> rows;
  std::set<Pair> open;
  while (rows.size() < at_least || !open.empty()) {
    if (open.empty()) open = pairs;  // the next cover
    // Start from an open pair, and of some random completions take the one that closes most.
    const auto& [i, a, j, b] = *std::next(open.begin(), static_cast<std::ptrdiff_t>(random() % open.size()));
    Row best;
    int best_gain = -1;
    for (int attempt = 0, tried = 0; tried < 24 && attempt < 4000; ++attempt) {
      Row row = random_row(random);
      row[i] = a, row[j] = b;
      if (!possible(row, device)) continue;
      ++tried;
      int gain = 0;
      for_each_pair(row, [&](const Pair& pair) { gain += static_cast<int>(open.count(pair)); });
      if (gain > best_gain) best = row, best_gain = gain;
    }
    for_each_pair(best, [&](const Pair& pair) { open.erase(pair); });
    rows.push_back(best);
  }
  return rows;
}

const std::vector<std::int64_t>& edge_sizes() {
  static const std::vector<std::int64_t> sizes = {1,  2,  3,   5,   7,   8,   9,   15,  16,  17,  31,  33,  63,  64,
                                                  65, 96, 127, 128, 129, 131, 191, 193, 255, 256, 257, 300, 383, 513};
  return sizes;
}

const std::vector<std::int64_t>& edge_depths() {
  static const std::vector<std::int64_t> depths = {1,  2,   3,   7,   8,   9,   15,  16,  17,  31,  32,  33,  63,   64,   65,
                                                   97, 127, 128, 129, 192, 255, 257, 333, 511, 512, 513, 777, 1024, 1031, 2049};
  return depths;
}

std::vector<ProofCase> proof_cases(const DeviceFacts& device, std::size_t at_least, std::uint64_t seed) {
  std::vector<ProofCase> cases;
  int seen[kFamilyCount] = {};
  for (const Row& row : covering_rows(device, at_least, seed)) {
    const auto at = [&](const std::vector<std::int64_t>& sizes, int stride, int offset) {
      return sizes[static_cast<std::size_t>(seen[row[kFamily]] * stride + offset) % sizes.size()];
    };
    ProofCase c{static_cast<int>(cases.size()), family_of(row), structure(row)};
    // Strides prime to the lists' lengths: each list is walked whole, in three different orders.
    c.problem.m = c.family == FamilyId::skinny ? 1 + seen[row[kFamily]] % 8 : at(edge_sizes(), 5, 0);
    c.problem.n = at(edge_sizes(), 9, 3);
    c.problem.k = at(edge_depths(), 7, 11);
    ++seen[row[kFamily]];
    cases.push_back(c);
  }
  return cases;
}

std::vector<Tactic> drawn_tactics(const ProofCase& c, const DeviceFacts& device, std::size_t count) {
  const Family& own = family(c.family);
  std::vector<Tactic> all;
  own.enumerate(c.problem, device, all);
  std::erase_if(all, [&](const Tactic& t) { return own.rejects(c.problem, t, device).has_value(); });
  std::mt19937_64 random(static_cast<std::uint64_t>(c.id) * 7919 + 17);
  std::shuffle(all.begin(), all.end(), random);
  if (all.size() > count) all.resize(count);
  return all;
}

}  // namespace ak::proof
