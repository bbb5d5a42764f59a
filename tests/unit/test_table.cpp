#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "../allocations.hpp"
#include "plan/table.hpp"

using namespace ak;

namespace {

class MarkedPlan : public LaunchPlan {
 public:
  explicit MarkedPlan(std::int16_t mark) { tactic_.tile_m = mark; }
  bool try_launch(Stream, const CallArgs&) const override { return true; }
  const Tactic& tactic() const override { return tactic_; }

 private:
  Tactic tactic_;
};

PlanPtr marked(std::int16_t mark) { return std::make_shared<MarkedPlan>(mark); }

Problem problem(std::int64_t m) {
  Problem p;
  p.m = m, p.n = 4096, p.k = 4096;
  return p;
}

}  // namespace

TEST_CASE("a table finds exactly what was published, and the latest of it") {
  Table table;
  CHECK(table.find(problem(1)) == nullptr);
  for (int m = 1; m <= 1000; ++m) table.publish(problem(m), marked(static_cast<std::int16_t>(m)));
  CHECK(table.size() == 1000);
  CHECK(table.epoch() == 1000);
  for (int m = 1; m <= 1000; ++m) {
    const LaunchPlan* plan = table.find(problem(m));
    REQUIRE(plan);
    CHECK(plan->tactic().tile_m == m);
  }
  CHECK(!table.find(problem(1001)));
  Problem other = problem(7);
  other.epilogue.activation = Activation::silu;
  CHECK(!table.find(other));

  const LaunchPlan* old = table.find(problem(7));
  table.publish(problem(7), marked(-7));
  CHECK(table.find(problem(7))->tactic().tile_m == -7);
  CHECK(old->tactic().tile_m == 7);  // still alive: a captured graph may use it
  CHECK(table.size() == 1000);
}

TEST_CASE("a table misses what was withdrawn, and nothing else") {
  Table table;
  for (int m = 1; m <= 100; ++m) table.publish(problem(m), marked(static_cast<std::int16_t>(m)));
  const LaunchPlan* old = table.find(problem(7));
  table.withdraw(problem(7));
  table.withdraw(problem(101));  // which it never had
  CHECK(table.epoch() == 101);
  CHECK(table.size() == 99);
  for (int m = 1; m <= 100; ++m) CHECK((table.find(problem(m)) == nullptr) == (m == 7));
  CHECK(old->tactic().tile_m == 7);
  table.publish(problem(7), marked(-7));
  CHECK(table.find(problem(7))->tactic().tile_m == -7);
  CHECK(table.size() == 100);
}

TEST_CASE("finding allocates nothing, hit or miss") {
  Table table;
  for (int m = 1; m <= 100; ++m) table.publish(problem(m), marked(1));
  const auto before = allocations();
  int hits = 0;
  for (int m = 1; m <= 200; ++m) hits += table.find(problem(m)) != nullptr;
  CHECK(allocations() == before);
  CHECK(hits == 100);
}

TEST_CASE("readers see a whole plan or none while another thread publishes, replaces and grows") {
  Table table;
  constexpr int kProblems = 3000;
  std::atomic<int> published{0};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, lost{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r)
    readers.emplace_back([&] {
      while (!stop) {
        const int floor = published.load(std::memory_order_acquire);
        for (int m = 1; m <= kProblems; m += 7) {
          const LaunchPlan* plan = table.find(problem(m));
          if (!plan) {
            lost += m <= floor;
          } else {
            wrong += plan->tactic().tile_m != m && plan->tactic().tile_m != -m;
          }
        }
      }
    });
  for (int m = 1; m <= kProblems; ++m) {
    table.publish(problem(m), marked(static_cast<std::int16_t>(m)));
    published.store(m, std::memory_order_release);
    if (m % 3 == 0) table.publish(problem(m / 3), marked(static_cast<std::int16_t>(-m / 3)));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
  CHECK(lost == 0);
  CHECK(table.size() == kProblems);
}
