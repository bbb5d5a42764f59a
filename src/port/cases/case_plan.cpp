#include "port/cases/case_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "ak/types.hpp"

namespace ak::port {

using loop::Function;
using loop::Values;

namespace {

constexpr int kGuesses = 300;
constexpr std::int64_t kMargin = 2;
constexpr std::size_t kMostExtra = 12;
constexpr std::size_t kFewest = 5;  // recipes; where the C function may not be called with so many, others are looked for

class Planner {
 public:
  Planner(const Function& function, Oracle& oracle, const Facts& facts, Deadline deadline)
      : oracle_(oracle), deadline_(deadline) {
    plan.function = function, plan.facts = facts, plan.roles = roles_of(function);
    taken_.resize(2 * oracle.conditions().size());
  }

  void fill(Level level) {
    const std::vector<Values> sizes = sizes_of(plan.function, plan.roles, plan.facts);
    if (sizes.empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("'{}' takes too long at every size, or its arrays are too long", plan.function.name));
    const std::size_t probe = middle(sizes);
    std::vector<Recipe> recipes = basic_recipes();
    const std::size_t basics = recipes.size();
    std::vector<bool> at_probe;
    for (const Recipe& recipe : recipes) at_probe.push_back(look(sizes[probe], recipe).fit);
    // Where nothing counts the branches, a constant's two sides are taken unseen.
    for (const Recipe& recipe : threshold_recipes(plan.roles)) {
      if (recipes.size() - basics >= kMostExtra) break;
      const bool blind = oracle_.conditions().empty() && plan.function.body.empty();
      if (const Look seen = look(sizes[probe], recipe); seen.fit && (seen.news || (blind && recipe.spike_value != 0)))
        recipes.push_back(recipe), at_probe.push_back(true);
    }
    const std::vector<Values> others = with_zeros(sizes);
    const auto few = [&] { return static_cast<std::size_t>(std::count(at_probe.begin(), at_probe.end(), true)) < kFewest; };
    for (int guess = 0; guess < kGuesses && (few() || !all_taken()) && recipes.size() - basics < kMostExtra; ++guess) {
      // A side may need a size, not a value.
      const Values& size = guess % 3 == 0 ? others[guess / 3 % others.size()] : sizes[probe];
      const Recipe recipe = random_recipe(plan.roles, static_cast<std::uint64_t>(guess));
      const Look seen = look(size, recipe);
      const bool here = &size == &sizes[probe];
      if (!seen.fit || !(seen.news || (here && few()))) continue;
      recipes.push_back(recipe);
      at_probe.push_back(here);
      if (!here) plan.cases.push_back({size, recipe});
    }
    for (const Recipe& recipe : edge_recipes(plan.roles))
      if (look(sizes[probe], recipe).fit) recipes.push_back(recipe), at_probe.push_back(true);
    for (std::size_t r = 0; r < recipes.size(); ++r)
      if (at_probe[r]) plan.cases.push_back({sizes[probe], recipes[r]});
    for (const std::size_t s : order(sizes, probe)) add(sizes[s], s, recipes, basics, level);
    if (plan.roles.depth > 1) add_zeros(std::span(others).subspan(sizes.size()), recipes.front());
    need_cases();
    // What does nothing at sizes that are left proves nothing.
    if (!turned_ && plan.left_out > 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("'{}' cannot be called where a loop of it runs more than once: {}",
                                                           plan.function.name, plan.left_out_why));
    report_unreached();
  }

  void fill_own_size() {
    constexpr std::size_t kRecipes = 2;
    std::vector<Recipe> recipes = basic_recipes();
    recipes.resize(kRecipes);
    for (const Recipe& recipe : recipes)
      if (look(plan.facts.integers, recipe).fit) plan.cases.push_back({plan.facts.integers, recipe});
    need_cases();
  }

  CasePlan plan;

 private:
  void need_cases() const {
    if (plan.cases.empty())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("no data is found that '{}' may be called with: {}", plan.function.name, plan.left_out_why));
  }

  struct Look {
    bool fit = false, news = false;  // news: it takes a side, or leaves a loop at a time, that no other did
  };

  Look look(const Values& sizes, const Recipe& recipe) {
    const Case made = make_case(plan.function, plan.roles, plan.facts, sizes, recipe);
    const auto leave_out = [&](const std::string& why) {
      if (plan.left_out++ == 0) plan.left_out_why = why;
      return Look{};
    };
    try {
      const auto walk = oracle_.walk(made, deadline_);
      if (walk && !walk->outside.empty())
        return leave_out(fmt::format("it leaves its arrays at {} ({})", walk->outside, made.name));
      const Expected expected = oracle_.run(made, deadline_);
      turned_ = turned_ || !walk || walk->turns;
      if (!walk) return {true, false};
      if (const auto apart = oracle_.disagreement(made, expected, *walk)) {
        if (oracle_.overflows(made, deadline_))
          throw Error(ErrorCode::invalid_argument,
                      fmt::format("'{}': {} ({}): {}", plan.function.name, *apart, made.name, kOverflow));
        throw Error(ErrorCode::internal, fmt::format("the analysis has misread '{}': {} ({}); or C leaves it undefined: the "
                                                     "function reads what was never set",
                                                     plan.function.name, *apart, made.name));
      }
      return {true, note(*walk, made)};
    } catch (const Unfit& unfit) {
      return leave_out(unfit.what());
    }
  }

  /// Whether the walk brings news.
  bool note(const Oracle::Walk& walk, const Case& made) {
    bool news = false;
    std::int64_t longest = 1;
    for (const Memory& memory : made.memories) longest = std::max(longest, memory.elements);
    for (std::size_t side = 0; side < taken_.size(); ++side) {
      if (walk.taken[side] && !taken_[side]) taken_[side] = news = true;
      if (side % 2 || !oracle_.conditions()[side / 2].leaves) continue;
      // When a loop is left, and by which side, is news too: by thirds of the way, and at its very end.
      const std::int64_t looks = walk.taken[side] + walk.taken[side + 1];
      const int when = looks * 50 >= longest * 49 ? 3 : static_cast<int>(3 * looks / longest);
      const int sides = (walk.taken[side] > 0) + 2 * (walk.taken[side + 1] > 0);
      news = exits_.insert({static_cast<int>(side), when, sides}).second || news;
    }
    return news;
  }

  /// Sizes at which rows may all be one; those that the function does not take are no news.
  void add_zeros(std::span<const Values> sizes, const Recipe& recipe) {
    const int left_out = plan.left_out;
    for (const Values& size : sizes)
      if (look(size, recipe).fit) plan.cases.push_back({size, recipe});
    plan.left_out = left_out;
  }

  bool all_taken() const { return std::find(taken_.begin(), taken_.end(), false) == taken_.end(); }

  /// Near 257 elements behind where a loop begins, 33 a dimension: past a block of threads, and quick.
  std::size_t middle(const std::vector<Values>& sizes) const {
    const std::int64_t wanted = (plan.roles.depth > 1 ? 33 : 257) + (plan.roles.begin > 3 ? plan.roles.begin : 0);
    const auto apart = [&](const Values& values) {
      std::int64_t most = 0;
      for (const std::string& size : plan.roles.sizes) {
        most = std::max(most, std::abs(values.at(size) - (plan.roles.is_margin(size) ? kMargin : wanted)));
      }
      return most;
    };
    return static_cast<std::size_t>(
        std::min_element(sizes.begin(), sizes.end(), [&](const Values& a, const Values& b) { return apart(a) < apart(b); }) -
        sizes.begin());
  }

  /// Each of the sizes, and after these one of them with a 0 in each place.
  std::vector<Values> with_zeros(std::vector<Values> sizes) const {
    for (const std::string& size : plan.roles.sizes) {
      Values one = sizes[middle(sizes)];
      if (!plan.facts.integers.count(size)) one[size] = 0;
      sizes.push_back(std::move(one));
    }
    return sizes;
  }

  /// The others: those near the probe first, then the small ones, the large ones last.
  static std::vector<std::size_t> order(const std::vector<Values>& sizes, std::size_t probe) {
    std::vector<std::size_t> made;
    for (std::size_t down = probe; down-- > 0;) made.push_back(down);
    for (std::size_t up = probe + 1; up < sizes.size(); ++up) made.push_back(up);
    return made;
  }

  void add(const Values& size, std::size_t number, const std::vector<Recipe>& recipes, std::size_t basics, Level level) {
    const bool large = iterations(plan.function, size) > 5000;
    if (level == Level::quick && large && number % 2) return;
    for (std::size_t r = 0; r < recipes.size(); ++r) {
      // Zeros tell their order where a block's threads take several rounds; what an array keeps is one at every second size.
      const bool told = recipes[r].tells_zeros() && (plan.roles.kept.empty() || recipes[r].kept == (number % 2 == 1));
      const bool wanted = level == Level::quick ? r == number % 2 || (!large && r == number % recipes.size())
                                                : r < basics + (plan.roles.exits ? 3 : 1) || (!large && told);
      if (!wanted) continue;
      // Every kind of index meets every data set at some size.
      Recipe recipe = recipes[r];
      recipe.indices = static_cast<Recipe::Indices>((static_cast<std::size_t>(recipe.indices) + number) % 5);
      if (r < basics) recipe.integer = (recipe.integer + static_cast<std::int64_t>(number)) % 4;
      if (look(size, recipe).fit) plan.cases.push_back({size, std::move(recipe)});
    }
  }

  void report_unreached() {
    const std::vector<Condition>& conditions = oracle_.conditions();
    for (std::size_t side = 0; side < taken_.size(); ++side)
      if (!taken_[side])
        plan.unreached.push_back(fmt::format("line {}: {} is never {}", conditions[side / 2].line, conditions[side / 2].text,
                                             side % 2 ? "false" : "true"));
  }

  Oracle& oracle_;
  const Deadline deadline_;
  bool turned_ = false;  // a loop ran more than once on a case
  std::vector<bool> taken_;
  std::set<std::tuple<int, int, int>> exits_;
};

}  // namespace

CasePlan plan_cases(const Function& function, Oracle& oracle, Level level, const Facts& facts, Deadline deadline) {
  Planner planner(function, oracle, facts, deadline);
  planner.fill(level);
  return std::move(planner.plan);
}

CasePlan plan_own_size(const Function& function, Oracle& oracle, const Facts& facts, Deadline deadline) {
  Planner planner(function, oracle, facts, deadline);
  planner.fill_own_size();
  return std::move(planner.plan);
}

}  // namespace ak::port
