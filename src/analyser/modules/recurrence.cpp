// Cycles of flow that are no reduction: x[i] from x[i - d], affine or of any function.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

constexpr std::size_t kMostTogether = 2;  // scalars of one recurrence

class Finder {
 public:
  Finder(const Nest& nest, Piece& piece) : nest_(nest), piece_(piece), level_(*piece.carried.begin()) {}

  void run() {
    // The array or scalar of the last statement from which a carried edge starts closes the cycle.
    std::set<std::string> names;
    int closing = -1;
    for (const Edge& edge : inner_edges())
      if (edge.level == level_) {
        names.insert(edge.name);
        if (edge.from >= closing) closing = edge.from, name_ = edge.name;
      }
    names.erase(name_);
    piece_.kind = Piece::Kind::sequential;
    piece_.recurrence = loop::Recurrence{name_, {}, {}, {}, {}, nest_.at(closing).node->id};
    if (piece_.carried.size() == 2 && nest_.uses("wavefront, interchange") && is_wavefront(nest_, piece_)) {
      piece_.kind = Piece::Kind::wavefront;
      return;
    }
    if (!nest_.uses("prefix sum, recurrence")) return because("recurrences are not looked for");
    // Scalars beside it may be copies of its older values.
    for (const std::string& name : names)
      if (!nest_.model->is_scalar(name)) return because(fmt::format("{} and {} go round the cycle", name, name_));
    beside_ = std::move(names);
    target_ = only_target();
    if (!target_)
      return because(nest_.model->is_scalar(name_)
                         ? fmt::format("{} is set in several loops", name_)
                         : fmt::format("{} is written at several places or under unknown subscripts", name_));
    distances();
    const auto value = body_value();
    if (value) operators(*value);
    if (!value && system()) return;
    if (piece_.kind == Piece::Kind::sequential) chains();
    if (piece_.kind == Piece::Kind::sequential && piece_.cause.empty())
      if (const std::set<std::string> several = pointers(); several.size() > 1)
        because(fmt::format("{} overlap, and an iteration reads through one what an earlier one has written through the other: "
                            "with one pointer for both the recurrence may be a scan",
                            fmt::join(several, " and ")));
    if (piece_.kind == Piece::Kind::sequential && piece_.cause.empty())
      because(value ? fmt::format("{} is not an affine function of its earlier values{}", name_, of_extreme()) : no_value());
  }

 private:
  /// Why body_value() is none.
  std::string no_value() const {
    for (const int s : piece_.statements)
      if (nest_.at(s).loops != piece_.loops) return fmt::format("the cycle through {} spans more than one loop", name_);
    if (!beside_.empty()) {
      if (beside_.size() >= kMostTogether)
        return fmt::format("{} and {} depend on earlier values of each other: more than {} values", fmt::join(beside_, ", "), name_,
                           kMostTogether);
      return fmt::format("{} and {} depend on earlier values of each other, and not as an affine function",
                         fmt::join(beside_, ", "), name_);
    }
    if (!constant_) return no_distance();
    return fmt::format("{} is no expression of its earlier values", name_);
  }

  /// The line of an extremum whose test has an else with something of another piece; 0: none.
  int line_of_else() const {
    Symbolic body([this](int id) { return takes_part(id); }, [this](const Term& term) {
      return term == *target_ ? std::optional(previous(1, term.type)) : std::nullopt;
    });
    body.run(piece_.loops.back()->body);
    const auto value = body.value(*target_);
    const auto found = value ? association(*value) : std::nullopt;
    if (!found || (found->op != "min" && found->op != "max")) return 0;
    for (const Guard& own : nest_.at(piece_.statements.front()).guards)
      for (const int leaf : nest_.leaves)
        for (const Guard& other : nest_.at(leaf).guards)
          if (!inside(leaf) && own.kind == Guard::Kind::branch && other.kind == own.kind && other.node == own.node &&
              other.side != own.side)
            return nest_.at(leaf).node->line;
    return 0;
  }

  std::string no_distance() const {
    const Term& target = *target_;
    const auto moves = [&](const Term& subscript) {
      return std::ranges::any_of(piece_.loops, [&](const loop::Node* one) { return loop::mentions(subscript, one->variable); });
    };
    if (const int line = line_of_else(); line > 0)
      return fmt::format("what else line {0} does depends on {1}, which would be a reduction without the `else`: drop it where "
                         "both may be tested",
                         line, c_text(target));
    if (std::ranges::none_of(target.terms, moves))
      return fmt::format("all iterations read and write {}: in a local variable, which is written back behind the loop, it may "
                         "be a scan or a reduction",
                         c_text(target));
    std::set<std::string> open;
    for (const int s : piece_.statements)
      for (const Reference& reference : nest_.at(s).references)
        if (reference.name == name_)
          for (const Term& subscript : reference.term.terms)
            loop::for_each(subscript, [&](const Term& part) {
              const loop::Parameter* parameter =
                  part.kind == Term::Kind::scalar ? loop::find_parameter(*nest_.model->function, part.text) : nullptr;
              const auto has = [&](const std::set<std::string>& names) { return names.contains(part.text); };
              if (parameter && !parameter->pointer && !has(*nest_.model->used) && !has(*nest_.model->written)) open.insert(part.text);
            });
    const std::string cause = fmt::format("how far back {} is read is no known constant", name_);
    if (open.empty()) return fmt::format("{}: it changes from iteration to iteration", cause);
    return fmt::format("{0}: the value of {1} may make it one (--size {2}=...)", cause, fmt::join(open, ", "), *open.begin());
  }

  /// Scalars that are affine functions of what the iteration before left in all of them: the states of a filter.
  bool system() {
    if (beside_.empty() || beside_.size() >= kMostTogether || target_->kind != Term::Kind::scalar) return false;
    for (const int s : piece_.statements)
      if (nest_.at(s).loops != piece_.loops) return false;
    std::vector<Term> scalars{*target_};
    for (const std::string& name : beside_) scalars.push_back(loop::scalar(name, target_->type));
    Symbolic body([this](int id) { return takes_part(id); },
                  [&](const Term& term) -> std::optional<Term> {
                    const auto found = std::ranges::find(scalars, term.text, &Term::text);
                    if (term.kind != Term::Kind::scalar || found == scalars.end()) return std::nullopt;
                    return previous(found - scalars.begin() + 1, term.type);
                  });
    body.run(piece_.loops.back()->body);
    const bool affine = body.understood() && std::ranges::all_of(scalars, [&](const Term& scalar) {
      const auto value = body.value(scalar);
      return value && affine_form(*value);
    });
    if (!affine) return false;
    std::ranges::sort(scalars, {}, &Term::text);
    loop::Recurrence& found = *piece_.recurrence;
    found.target = scalars.front().text;
    for (auto other = scalars.begin() + 1; other != scalars.end(); ++other) found.with.push_back(other->text);
    found.distances = {1};
    piece_.kind = Piece::Kind::scan;
    return true;
  }

  /// The assignment, by its node, is in the cycle or gives it something in the same iteration.
  bool takes_part(int id) const {
    for (const int s : piece_.statements)
      if (nest_.at(s).node->id == id) return true;
    for (const int s : nest_.followers)
      if (nest_.at(s).node->id == id && nest_.at(s).loops == piece_.loops && feeds_now(s)) return true;
    return false;
  }

  /// `if (x[i] > x[at]) at = i;`
  std::string of_extreme() const {
    std::string array;
    loop::for_each_node(piece_.loops.back()->body, [&](const loop::Node& node) {
      loop::for_each(node.condition, [&](const Term& read) {
        if (read.kind == Term::Kind::element && loop::mentions(read.terms[0], name_)) array = read.text;
      });
    });
    if (!array.empty())
      return fmt::format(": with {0}[{1}] kept in a scalar of its own it would be a search for an extreme", array, name_);
    return {};
  }

  void because(std::string cause) { piece_.cause = std::move(cause); }
  bool inside(int s) const { return std::count(piece_.statements.begin(), piece_.statements.end(), s) > 0; }

  std::vector<Edge> inner_edges() const {
    std::vector<Edge> inner;
    for (const Edge& edge : nest_.edges)
      if (inside(edge.from) && inside(edge.to)) inner.push_back(edge);
    return inner;
  }

  const Term* only_target() const {
    const Term* target = nullptr;
    for (const int leaf : nest_.leaves) {
      const Reference* reference = nest_.at(leaf).target();
      if (!reference || reference->name != name_) continue;
      if (!inside(leaf)) {
        // A new start outside of the carrying loop is none of its iterations' business.
        if (common_depth(nest_.at(leaf), nest_.at(piece_.statements.front())) > level_) return nullptr;
        continue;
      }
      if (!reference->known() || (target && !(*target == reference->term))) return nullptr;
      target = &nest_.at(leaf).node->target;
    }
    return target;
  }

  /// Of all carried edges; none where one is not constant.
  void distances() {
    std::set<std::int64_t> all;
    for (const Edge& edge : inner_edges()) {
      if (!edge.carried()) continue;
      if (edge.distances.empty()) constant_ = false;
      all.insert(edge.distances.begin(), edge.distances.end());
    }
    if (constant_) piece_.recurrence->distances.assign(all.begin(), all.end());
  }

  /// The flow into a read of the target's array from this piece: its distance, 0 for none, nothing where it is not one constant.
  std::optional<std::int64_t> distance_of(const Term& read) {
    std::set<std::int64_t> found;
    std::vector<const Dependence*> into;
    bool known = true;
    for (const Dependence& one : *nest_.dependences) {
      if (one.kind != Dependence::Kind::flow || one.name != name_ || !inside(one.from) || !nest_.contains(one.to)) continue;
      const auto readers = nest_.leaves_of(one.to);
      if (std::none_of(readers.begin(), readers.end(), [this](int s) { return inside(s); })) continue;
      if (!(nest_.at(one.to).references[one.reference].term == read)) continue;
      if (one.level != level_ || one.distances.size() != 1)
        known = false;
      else
        found.insert(one.distances.front()), into.push_back(&one);
    }
    if (!known || found.size() > 1 || !always(into)) return std::nullopt;
    return found.empty() ? 0 : *found.begin();
  }

  /// Whether one of these dependences of one distance comes to every instance that lies so far after another, whatever the
  /// parameters are.
  bool always(const std::vector<const Dependence*>& into) const {
    return std::ranges::all_of(into, [&](const Dependence* one) {
      const Statement &from = nest_.at(one->from), &to = nest_.at(one->to);
      isl::set later = isl::manage(isl_map_range(so_far_apart(from, to, *one).release()));
      later = later.intersect(to.references[one->reference].domain);
      for (const Dependence* other : into)
        if (other->to == one->to && other->reference == one->reference) later = later.subtract(isl::manage(isl_map_range(other->relation.copy())));
      return later.is_empty();
    });
  }

  /// Pairs of instances as far apart as the dependence's, in each loop where that is one distance.
  isl::map so_far_apart(const Statement& from, const Statement& to, const Dependence& dependence) const {
    const auto tuple = [](const Statement& statement, const char* prefix) {
      std::vector<std::string> names;
      for (int i = 0; i < statement.depth(); ++i) names.push_back(fmt::format("{}{}", prefix, i));
      return fmt::format("{}[{}]", statement.name(), fmt::join(names, ","));
    };
    std::vector<std::string> equal;
    for (int i = 0; i < common_depth(from, to); ++i)
      if (const auto& distance = dependence.vector[static_cast<std::size_t>(i)])
        equal.push_back(fmt::format("b{0} = a{0} + {1}", i, *distance));
    const isl::map all(from.domain.ctx(),
                       fmt::format("{{ {} -> {} : {} }}", tuple(from, "a"), tuple(to, "b"), fmt::join(equal, " and ")));
    return all.intersect_domain(from.domain).intersect_range(to.domain);
  }

  /// Those under whose names the cycle goes through one array.
  std::set<std::string> pointers() const {
    std::set<std::string> all;
    for (const int s : piece_.statements)
      for (const Reference& reference : nest_.at(s).references)
        if (reference.name == name_) all.insert(reference.term.text);
    return all;
  }

  std::optional<Term> body_value() {
    if (piece_.carried.size() > 1 && target_->kind == Term::Kind::element) return std::nullopt;
    for (const int s : piece_.statements)
      if (nest_.at(s).loops != piece_.loops) return std::nullopt;
    bool known = true;
    std::map<std::int64_t, Term> at_distance;  // two elements of one iteration are no single earlier value
    Symbolic body([this](int id) { return takes_part(id); },
                  [&](const Term& term) -> std::optional<Term> {
                    if (term.text != target_->text) return std::nullopt;
                    if (term.kind == Term::Kind::scalar) return previous(1, term.type);
                    if (term.kind != Term::Kind::element) return std::nullopt;
                    const auto distance = distance_of(term);
                    if (!distance) known = false;
                    if (!distance || *distance == 0) return std::nullopt;
                    const auto [entry, fresh] = at_distance.emplace(*distance, term);
                    if (!fresh && !(entry->second == term)) known = false;
                    return previous(*distance, term.type);
                  });
    body.run(piece_.loops.back()->body);
    const auto value = body.value(*target_);
    if (!value || !known || !body.understood()) return std::nullopt;
    return beside_.empty() ? value : without_copies(body, *value);
  }

  /// A scalar that an iteration leaves as the value of `d` iterations ago holds that of d + 1 when the next one begins.
  std::optional<Term> without_copies(const Symbolic& body, const Term& value) const {
    std::map<std::string, std::int64_t> ages;
    for (std::size_t round = 0; round < beside_.size(); ++round)
      for (const std::string& name : beside_) {
        const auto left = body.value(loop::scalar(name, target_->type));
        if (!left || left->kind != Term::Kind::scalar) continue;
        if (const auto age = previous_age(*left)) ages[name] = *age + 1;
        if (const auto other = ages.find(left->text); other != ages.end()) ages[name] = other->second + 1;
      }
    if (ages.size() != beside_.size()) return std::nullopt;
    return loop::replace(value, [&](const Term& term) -> std::optional<Term> {
      const auto age = term.kind == Term::Kind::scalar ? ages.find(term.text) : ages.end();
      return age == ages.end() ? std::nullopt : std::optional(previous(age->second, term.type));
    });
  }

  /// Whether the scalar is read in the iteration that sets it.
  bool feeds_now(int follower) const {
    return std::none_of(nest_.edges.begin(), nest_.edges.end(),
                        [&](const Edge& edge) { return edge.from == follower && edge.carried(); });
  }

  void operators(const Term& value) {
    loop::Recurrence& found = *piece_.recurrence;
    if (const auto form = affine_form(value); form && !form->multipliers.empty()) {
      std::vector<std::int64_t> distances;
      for (const auto& [distance, multiplier] : form->multipliers) distances.push_back(distance);
      const bool second_order = distances == std::vector<std::int64_t>{1, 2};
      if (distances.size() > 1 && !second_order) return;
      found.distances = distances;
      for (const auto& [distance, multiplier] : form->multipliers) found.multipliers.push_back(multiplier);
      found.constant = form->constant;
      found.with.assign(beside_.begin(), beside_.end());
      piece_.kind = Piece::Kind::scan;
      return;
    }
    const auto operation = association(value);
    if (!operation || operation->condition) return;
    found.distances = {1};
    found.op = operation->op;
    found.constant = operation->value;
    piece_.kind = Piece::Kind::scan;
  }

  void chains() {
    loop::Recurrence& found = *piece_.recurrence;
    if (!constant_ || found.distances.empty() || piece_.carried.size() > 1) return;
    std::int64_t divisor = 0;
    for (const std::int64_t distance : found.distances) divisor = std::gcd(divisor, distance);
    if (divisor < 2) return;
    found.distances = {divisor};
    piece_.kind = Piece::Kind::chains;
  }

  const Nest& nest_;
  Piece& piece_;
  const int level_;
  std::string name_;
  std::set<std::string> beside_;
  const Term* target_ = nullptr;
  bool constant_ = true;
};

}  // namespace

void add_reset_edges(Nest& nest) {
  const auto scalar_of = [&](int leaf) {
    const Reference* target = nest.at(leaf).target();
    return target && nest.model->is_scalar(target->name) ? target->name : std::string();
  };
  std::vector<Edge> added;
  for (const Edge& cycle : nest.edges) {
    if (cycle.from != cycle.to || !cycle.carried() || cycle.name != scalar_of(cycle.from)) continue;
    for (const int reset : nest.leaves)
      if (reset != cycle.from && scalar_of(reset) == cycle.name && nest.at(reset).loops == nest.at(cycle.from).loops)
        added.push_back({cycle.from, reset, cycle.name, true, Dependence::kWithin, {}});
  }
  nest.edges.insert(nest.edges.end(), added.begin(), added.end());
}

void find_recurrence(const Nest& nest, Piece& piece) { Finder(nest, piece).run(); }

}  // namespace ak::analyser::flow
