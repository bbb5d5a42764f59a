#include "analyser/flat_rows.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>

#include "analyser/polynomial.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

class Rows {
 public:
  Rows(Model& model, std::string array) : model_(model), array_(std::move(array)) {}

  void recover() {
    for (Statement& statement : model_.statements)
      for (Reference& reference : statement.references)
        if (reference.name == array_) {
          if (reference.term.terms.size() != 1) return;
          accesses_.push_back({&statement, &reference, sum_of(statement, reference.term.terms[0])});
        }
    exact_ = std::ranges::all_of(accesses_, [](const Access& one) { return one.reference->exact; });
    find_widths();
    search();
    if (!exact_ && best_.known < accesses_.size()) search_beside_offset();
    if (!best_.widths.empty()) apply();
    if (!exact_ && best_.known < accesses_.size()) doubt();
  }

 private:
  struct Access {
    Statement* statement;
    Reference* reference;
    std::optional<Polynomial> sum;
  };
  /// Instances whose places in the rows are known so far, innermost first, and the number of the row that `rest` is.
  struct Piece {
    isl::set domain;
    Polynomial rest;
    std::vector<isl::pw_aff> places;
    std::vector<Polynomial> sums;  // the places'
  };
  using Pieces = std::vector<Piece>;
  struct Best {
    std::vector<Polynomial> widths;
    std::vector<std::optional<isl::map>> maps;  // of accesses
    std::vector<std::optional<Pieces>> pieces;
    std::size_t known = 0;
  };
  static constexpr std::size_t kMostWidths = 6, kMostRows = 2;

  std::optional<Polynomial> sum_of(const Statement& statement, const Term& subscript) {
    return polynomial(subscript, [&](const Term& part) -> std::optional<Polynomial> {
      if (!affine(part, statement.scope)) return std::nullopt;
      const std::string name = c_text(part);
      const auto [known, fresh] = atoms_.emplace(name, part);
      if (!fresh && !(known->second == part)) return std::nullopt;
      return Polynomial{{{name}, 1}};
    });
  }

  std::optional<isl::pw_aff> value(const Polynomial& of, const Statement& statement) const {
    return affine(as_term(of, [this](const std::string& name) { return atoms_.at(name); }), statement.scope);
  }

  /// Of parameters, which are the same everywhere.
  bool is_fixed(const Monomial& monomial) const {
    return std::ranges::all_of(monomial, [&](const std::string& name) {
      const loop::Parameter* parameter = loop::find_parameter(*model_.function, name);
      return parameter && !parameter->pointer && !model_.written->contains(name);
    });
  }

  /// A sum of parameters; where isl has all accesses as they stand, a number too.
  bool is_width(const Polynomial& of) const {
    const bool names = std::ranges::any_of(of, [](const auto& part) { return !part.first.empty(); });
    if (!std::ranges::all_of(of, [&](const auto& part) { return is_fixed(part.first); })) return false;
    return names || (exact_ && !of.empty() && of.begin()->second > 1);
  }

  /// What all subscripts have, m of a[m - i * k] and a[m - (i + 1) * k]: rows may begin there too.
  Polynomial common_offset() const {
    Polynomial common;
    if (!std::ranges::all_of(accesses_, [](const Access& one) { return one.sum.has_value(); })) return common;
    for (const auto& [monomial, factor] : *accesses_.front().sum) {
      const auto has = [&](const Access& one) {
        const auto found = one.sum->find(monomial);
        return found != one.sum->end() && found->second == factor;
      };
      if (is_fixed(monomial) && std::ranges::all_of(accesses_, has)) common[monomial] = factor;
    }
    return common;
  }

  void search_beside_offset() {
    const Polynomial common = common_offset();
    if (common.empty()) return;
    const std::vector<Access> as_they_are = accesses_;
    for (Access& access : accesses_) access.sum = plus(*access.sum, common, -1);
    Best before = std::exchange(best_, {});
    search();
    if (best_.known > before.known) {
      offset_ = common;
      return;
    }
    best_ = std::move(before);
    accesses_ = as_they_are;
  }

  /// Factors of subscripts' products; before each, that times what all rows have in common: of (y * w + x) * 3 + c it is 3 * w.
  void find_widths() {
    const auto add = [this](const Polynomial& width) {
      if (widths_.size() < kMostWidths && std::ranges::find(widths_, width) == widths_.end()) widths_.push_back(width);
    };
    for (const Access& access : accesses_) {
      if (!access.sum) continue;
      loop::for_each(access.reference->term.terms[0], [&](const Term& part) {
        if (part.kind != Term::Kind::binary || part.text != "*") return;
        for (const int side : {1, 0}) {
          const auto width = sum_of(*access.statement, part.terms[side]),
                     other = sum_of(*access.statement, part.terms[1 - side]);
          if (!width || !other || !is_width(*width)) continue;
          std::int64_t common = 0;
          for (const Access& one : accesses_)
            if (one.sum)
              for (const auto& [monomial, factor] : divided(*one.sum, *width).first) common = std::gcd(common, factor);
          if (common > 1) add(product(*width, {{{}, common}}));
          add(*width);
        }
      });
    }
  }

  /// The pieces of one access, each in its row of rows so wide; nothing where it is not known how far from its row it may lie.
  std::optional<Pieces> parted(const Statement& statement, const Piece& piece, const Polynomial& width) const {
    const auto [row, place] = divided(piece.rest, width);
    const auto at = value(place, statement), wide = value(width, statement);
    if (!at || !wide) return std::nullopt;
    const isl::pw_aff none = constant(statement.scope.space, 0);
    for (long reach = 0; reach <= static_cast<long>(kMostRows); ++reach) {
      const isl::set near = at->ge_set(wide->scale(-reach)).intersect(at->lt_set(wide->scale(reach + 1)));
      if (!piece.domain.is_subset(near)) continue;
      Pieces parts;
      for (long k = -reach; k <= reach; ++k) {
        const isl::pw_aff moved = at->sub(wide->scale(k));
        const isl::set where = piece.domain.intersect(moved.ge_set(none)).intersect(moved.lt_set(*wide));
        if (where.is_empty()) continue;
        Piece part{where, plus(row, {{{}, k}}), piece.places, piece.sums};
        part.places.push_back(moved), part.sums.push_back(plus(place, width, -k));
        parts.push_back(std::move(part));
      }
      return parts;
    }
    return std::nullopt;
  }

  std::optional<Pieces> parted(const Access& access, const std::optional<Pieces>& before, const Polynomial& width) const {
    if (!access.sum) return std::nullopt;
    Pieces all;
    for (const Piece& piece : before ? *before : Pieces{{access.reference->domain, *access.sum, {}, {}}}) {
      auto parts = parted(*access.statement, piece, width);
      if (!parts) return std::nullopt;
      std::ranges::move(*parts, std::back_inserter(all));
    }
    return all;
  }

  /// Nothing where a row's number is none that isl has.
  std::optional<isl::map> elements(const Access& access, const Pieces& pieces, std::size_t dimensions) const {
    isl::map all = elements_at(isl::manage(isl_set_empty(isl_set_get_space(access.statement->domain.get()))), array_,
                               std::vector<std::optional<isl::pw_aff>>(dimensions));
    for (const Piece& piece : pieces) {
      const auto row = value(piece.rest, *access.statement);
      if (!row) return std::nullopt;
      std::vector<std::optional<isl::pw_aff>> subscripts{*row};
      subscripts.insert(subscripts.end(), piece.places.rbegin(), piece.places.rend());
      all = all.unite(elements_at(piece.domain, array_, subscripts));
    }
    return all;
  }

  void search() {
    std::vector<Polynomial> chosen;
    search(chosen, std::vector<std::optional<Pieces>>(accesses_.size(), std::nullopt));
  }

  void search(std::vector<Polynomial>& chosen, const std::vector<std::optional<Pieces>>& before) {
    for (const Polynomial& width : widths_) {
      if (best_.known == accesses_.size()) return;
      if (std::ranges::find(chosen, width) != chosen.end()) continue;
      std::vector<std::optional<Pieces>> pieces;
      for (std::size_t i = 0; i < accesses_.size(); ++i) {
        const bool known = chosen.empty() || before[i];
        pieces.push_back(known ? parted(accesses_[i], before[i], width) : std::nullopt);
      }
      if (std::ranges::none_of(pieces, [](const auto& one) { return one.has_value(); })) continue;
      chosen.push_back(width);
      judge(chosen, pieces);
      if (chosen.size() < 2) search(chosen, pieces);
      chosen.pop_back();
    }
  }

  void judge(const std::vector<Polynomial>& chosen, const std::vector<std::optional<Pieces>>& pieces) {
    Best found{chosen, {}, pieces, 0};
    for (std::size_t i = 0; i < accesses_.size(); ++i) {
      found.maps.push_back(pieces[i] ? elements(accesses_[i], *pieces[i], chosen.size() + 1) : std::nullopt);
      found.known += found.maps.back() ? 1 : 0;
    }
    if (found.known > best_.known) best_ = std::move(found);
  }

  /// What isl has as it stands stays so, and is in rows for templates alone.
  void apply() {
    for (std::size_t i = 0; i < accesses_.size(); ++i) {
      const Access& access = accesses_[i];
      if (!best_.maps[i]) continue;
      if (!exact_) access.reference->in_rows = best_.maps[i]->coalesce();
      Polynomial rest = *access.sum;
      std::vector<Polynomial> places;
      for (const Polynomial& width : best_.widths) {
        auto [row, place] = divided(rest, width);
        places.push_back(std::move(place));
        rest = std::move(row);
      }
      if (access.reference->in_one_row = best_.pieces[i]->size() == 1; access.reference->in_one_row)
        rest = best_.pieces[i]->front().rest, places = best_.pieces[i]->front().sums;
      access.reference->rows.push_back(term(rest));
      for (auto place = places.rbegin(); place != places.rend(); ++place) access.reference->rows.push_back(term(*place));
    }
    if (exact_) return;
    for (const Polynomial& width : best_.widths) model_.widths[array_].push_back(term(width));
    model_.offsets[array_] = term(offset_);
  }

  void doubt() const {
    const auto add = [this](const Term& condition) {
      if (std::ranges::find(model_.doubtful, condition) == model_.doubtful.end()) model_.doubtful.push_back(condition);
    };
    for (const Polynomial& width : widths_) add(loop::binary(">", term(width), loop::integer(0)));
    // A window that stays as far from the edges as it reaches stays in its row.
    for (const std::string& margin : loop::margins(*model_.function))
      if (is_fixed({margin}))
        add(loop::binary(">=", loop::scalar(margin, loop::find_parameter(*model_.function, margin)->type), loop::integer(0)));
  }

  Term term(const Polynomial& of) const {
    return as_term(of, [this](const std::string& name) { return atoms_.at(name); });
  }

  Model& model_;
  const std::string array_;
  std::vector<Access> accesses_;
  bool exact_ = false;                 // isl has all of them as they stand
  std::map<std::string, Term> atoms_;  // by name
  std::vector<Polynomial> widths_;
  Best best_;
  Polynomial offset_;
};

}  // namespace

std::vector<loop::InRows> accesses_in_rows(const Model& model) {
  std::vector<loop::InRows> all;
  std::set<std::string> others;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element) continue;
      const loop::InRows access{reference.term, loop::element(reference.name, reference.rows, reference.term.type)};
      const auto same = std::ranges::find(all, access.flat, [](const loop::InRows& one) -> const Term& { return one.flat; });
      if (!reference.in_one_row || (same != all.end() && *same != access))
        others.insert(reference.name);
      else if (same == all.end())
        all.push_back(access);
    }
  std::erase_if(all, [&](const loop::InRows& one) { return others.contains(one.flat.text); });
  return all;
}

void recover_rows(Model& model, const Facts& facts) {
  for (const std::string& array : model.arrays) {
    const bool aliased =
        std::ranges::any_of(facts.aliases, [&](const Alias& one) { return one.pointer == array || one.base == array; });
    if (!aliased) Rows(model, array).recover();
  }
}

}  // namespace ak::analyser::flow
