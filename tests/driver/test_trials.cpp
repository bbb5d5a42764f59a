// What trials join: a compiler, a prover and a timer, each of which may be anybody's.
#include <doctest/doctest.h>

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "ak/types.hpp"
#include "families/family.hpp"
#include "runner/isolated_prover.hpp"
#include "runner/trials.hpp"

using namespace ak;

namespace {

Tactic tactic(int tile_m) {
  Tactic t;
  t.family = FamilyId::sm80, t.tile_m = static_cast<std::int16_t>(tile_m);
  return t;
}

// Says what it was asked, and does what the test says.
struct Script {
  std::vector<std::string> asked;
  std::function<void(const std::string&)> act;
  void on(const std::string& what, const Kernel& kernel) {
    asked.push_back(what + " " + std::to_string(kernel.tactic.tile_m) + (kernel.cubin.empty() ? "" : " compiled"));
    if (act) act(asked.back());
  }
};

struct ScriptedProver final : Prover {
  explicit ScriptedProver(Script& to) : script(to) {}
  Proven prove(const Kernel& kernel, Effort effort, Deadline) override {
    return script.on(effort == Effort::quick ? "quick proof" : "full proof", kernel), Proven{0.25};
  }
  Proven prove_whole(const Kernel& kernel, Deadline deadline) override {
    script.on("whole proof", kernel);
    if (deadline.passed()) throw TimedOut{};
    return {0.5};
  }
  Script& script;
};

struct ScriptedTimer final : Timer {
  explicit ScriptedTimer(Script& to) : script(to) {}
  std::vector<Tactic> vendor_tactics(Deadline) override { return {}; }
  VendorTimes vendor() const override { return {42}; }
  std::string vendor_algo(const Tactic&) const override { return "an algorithm"; }
  void load(const Kernel& kernel, Trial& trial, Deadline) override { script.on("load", kernel), trial.smem_bytes = 7; }
  void time(const Kernel& kernel, Effort effort, Trial& trial, Deadline) override {
    script.on("time", kernel);
    trial.us = 10, trial.final_timing = effort == Effort::full;
  }
  void time_finals(std::span<const Kernel> kernels, std::span<Trial* const> trials, Deadline) override {
    for (std::size_t i = 0; i < kernels.size(); ++i) script.on("final", kernels[i]), trials[i]->us = kernels[i].tactic.tile_m;
  }
  double drift() const override { return 0.01; }
  Script& script;
};

struct Known final : Quarantine {
  std::map<std::string, std::string> all;
  std::optional<std::string> why(const Digest& source) override {
    const auto at = all.find(source.hex());
    return at == all.end() ? std::nullopt : std::optional(at->second);
  }
  void add(const Digest& source, std::string_view what) override { all[source.hex()] = what; }
};

struct Bench {
  Script script;
  ScriptedProver prover{script};
  ScriptedTimer timer{script};
  Known known;
  Problem problem = parse_problem("64x256x256 relu");
  Trials::Rules rules() {
    return {.refuses = [](const Tactic& t) { return t.tile_m == 1 ? std::optional<std::string>("too small") : std::nullopt; },
            .source = [](const Tactic& t) { return "// " + std::to_string(t.tile_m); },
            .quarantine = &known};
  }
  Trials trials{problem, "sm_80", {}, prover, timer, rules()};
};

}  // namespace

TEST_CASE("a tactic is compiled, loaded, proven step by step and timed, and what is known of it is not asked again") {
  Bench bench;
  const Trial quick = bench.trials.run(tactic(16), Effort::quick, Deadline::in(10));
  CHECK(quick.correct());
  CHECK(quick.us == 10);
  CHECK(quick.smem_bytes == 7);
  CHECK(quick.registers == 64);
  CHECK(bench.trials.run(tactic(16), Effort::full, Deadline::in(10)).final_timing);
  CHECK(bench.script.asked == std::vector<std::string>{"load 16 compiled", "quick proof 16 compiled", "time 16 compiled",
                                                       "load 16 compiled", "full proof 16 compiled", "time 16 compiled"});
  CHECK(bench.trials.compiles() == 1);
  CHECK(bench.trials.artifact(tactic(16)).cubin.starts_with("a cubin"));
  CHECK(bench.trials.vendor().best_us == 42);

  bench.script.asked.clear();
  double error = 0;
  CHECK(bench.trials.verify(tactic(32), Effort::full, Deadline::in(10), &error).correct());
  CHECK(error == 0.25);
  CHECK(bench.script.asked ==
        std::vector<std::string>{"load 32 compiled", "quick proof 32 compiled", "full proof 32 compiled"});
}

TEST_CASE("what a part throws is the trial's outcome, and what harms is never tried again") {
  Bench bench;
  CHECK(bench.trials.run(tactic(1), Effort::quick, Deadline::in(10)).why == "too small");
  CHECK(bench.script.asked.empty());
  CHECK(bench.trials.compiles() == 0);
  int tile = 16;  // each time another: what was proven is not proven again
  const auto outcome = [&](const std::string& at, auto thrown) {
    bench.script.act = [=](const std::string& what) {
      if (what.starts_with(at)) throw thrown;
    };
    return bench.trials.run(tactic(tile += 16), Effort::quick, Deadline::in(10));
  };
  CHECK(outcome("quick proof", Failed{Outcome::incorrect, "wrong"}).outcome == Outcome::incorrect);
  CHECK(outcome("load", Error(ErrorCode::driver, "cannot be loaded")).outcome == Outcome::runtime);
  const Trial late = outcome("time", TimedOut{});
  CHECK(late.outcome == Outcome::timeout);
  CHECK(late.us == 0);
  // A lack of memory passes, as a lack of time does; only the text tells them apart.
  const Trial lacking = outcome("quick proof", Error(ErrorCode::out_of_memory, "5 bytes of device memory are wanted"));
  CHECK(lacking.outcome == Outcome::timeout);
  CHECK(lacking.why.find("memory") != std::string::npos);

  CHECK(outcome("quick proof", Failed{Outcome::runtime, "faults", true}).outcome == Outcome::runtime);
  bench.script.act = {}, bench.script.asked.clear();
  const Trial again = bench.trials.run(tactic(tile), Effort::quick, Deadline::in(10));
  CHECK(again.outcome == Outcome::constraints);
  CHECK(again.why == "in quarantine: faults");
  CHECK(bench.script.asked.empty());
  Trials others(bench.problem, "sm_80", {}, bench.prover, bench.timer, bench.rules());
  CHECK(others.run(tactic(tile), Effort::quick, Deadline::in(10)).why == "in quarantine: faults");
}

TEST_CASE("finals are timed together, without those that no longer load; a panel's winner is launched whole") {
  Bench bench;
  bench.script.act = [](const std::string& what) {
    if (what.starts_with("load 32")) throw Failed{Outcome::runtime, "gone"};
  };
  const Tactic tactics[] = {tactic(16), tactic(32), tactic(48)};
  const std::vector<Trial> finals = bench.trials.finals(tactics, Deadline::in(10));
  REQUIRE(finals.size() == 3);
  CHECK(finals[0].us == 16);
  CHECK(finals[1].outcome == Outcome::runtime);
  CHECK(finals[2].us == 48);

  Trials::Rules rules = bench.rules();
  rules.panel = parse_problem("16x256x256 relu");
  Trials panels(bench.problem, "sm_80", {}, bench.prover, bench.timer, std::move(rules));
  bench.script.asked.clear();
  CHECK(panels.run(tactic(16), Effort::full, Deadline::in(10)).correct());
  CHECK(bench.script.asked.back() == "whole proof 16 compiled");
  CHECK(panels.extent(tactic(16)) == "on panels of 16 of 64 rows, and launched whole");

  // It has time beyond the trial's, but none beyond a stop.
  std::stop_source stop;
  bench.script.act = [&](const std::string& what) {
    if (what.starts_with("whole")) stop.request_stop();
  };
  CHECK(panels.verify(tactic(32), Effort::full, Deadline::in(10, stop.get_token())).outcome == Outcome::timeout);
  CHECK(bench.script.asked.back() == "whole proof 32 compiled");
}

TEST_CASE("cuBLASLt's ways are proven here, own kernels there; where nobody is there, here if they are reviewed") {
  Script there, here;
  ScriptedProver local(here);
  const Tactic own = tactic(16);
  Tactic vendor;
  vendor.family = FamilyId::vendor;
  const auto prove = [&](Prover& prover, const Tactic& t) {
    return prover.prove({t, "a cubin"}, Effort::quick, Deadline::in(1));
  };
  for (const bool reviewed : {true, false}) {
    IsolatedProver prover(std::make_unique<ScriptedProver>(there), local, reviewed);
    there = {}, here = {};
    prove(prover, own), prove(prover, vendor);
    CHECK(there.asked.size() == 1);
    CHECK(here.asked.size() == 1);
    there.act = [](const std::string&) { throw Unavailable{"it is gone"}; };
    if (reviewed) {
      CHECK_NOTHROW(prove(prover, own));
      CHECK_NOTHROW(prove(prover, own));
      CHECK(there.asked.size() == 2);  // not asked again
      CHECK(here.asked.size() == 3);
    } else {
      CHECK_THROWS_AS(prove(prover, own), Failed);
      CHECK(here.asked.size() == 1);
    }
  }
}

TEST_CASE("turns: the GPU is held while a kernel is proven and timed, and not while it is compiled") {
  Bench bench;
  bool held = false;
  bool compiled_while_held = false;
  int turns = 0;
  std::vector<std::string> apart;
  bench.script.act = [&](const std::string& what) {
    if (!held) apart.push_back(what);
  };
  Trials::Rules rules = bench.rules();
  const auto source = rules.source;
  rules.source = [&](const Tactic& t) { return compiled_while_held |= held, source(t); };
  rules.turn = [&](Deadline) {
    CHECK_FALSE(held);
    held = true, ++turns;
    return std::shared_ptr<void>(nullptr, [&](void*) { held = false; });
  };
  Trials trials(bench.problem, "sm_80", {}, bench.prover, bench.timer, rules);
  trials.vendor_tactics(Deadline::in(10));
  for (const int tile : {16, 32}) CHECK(trials.run(tactic(tile), Effort::full, Deadline::in(10)).correct());
  CHECK(trials.prove(tactic(48), Deadline::in(10)).correct());
  const std::vector<Tactic> both{tactic(16), tactic(32)};
  trials.finals(both, Deadline::in(10));
  CHECK(turns == 5);
  CHECK_FALSE(compiled_while_held);
  CHECK(apart.empty());
  // Where no turn is to be had all goes on.
  rules.turn = [](Deadline) { return nullptr; };
  Trials without(bench.problem, "sm_80", {}, bench.prover, bench.timer, rules);
  CHECK(without.run(tactic(16), Effort::full, Deadline::in(10)).correct());
}

TEST_CASE("what searches before compiled is not compiled again, but for what failed, and the oldest goes first") {
  Bench bench;
  Trials::Rules rules = bench.rules();
  rules.compiled = std::make_shared<CompiledKernels>();
  Trials first(bench.problem, "sm_80", {}, bench.prover, bench.timer, rules);
  CHECK(first.run(tactic(16), Effort::quick, Deadline::in(10)).correct());
  CHECK(first.compiles() == 1);
  Trials second(parse_problem("32x256x256 relu"), "sm_80", {}, bench.prover, bench.timer, rules);
  const std::vector<Tactic> ahead{tactic(16)};
  second.prefetch(ahead);
  CHECK(second.ready(tactic(16)));
  const Trial again = second.run(tactic(16), Effort::quick, Deadline::in(10));
  CHECK(again.correct());
  CHECK(again.registers == 64);
  CHECK(second.compiles() == 0);
  CHECK(second.artifact(tactic(16)).cubin == first.artifact(tactic(16)).cubin);
  CHECK(second.run(tactic(32), Effort::quick, Deadline::in(10)).correct());
  CHECK(second.compiles() == 1);

  CompiledKernels few(100);
  const auto compiled = [](std::size_t bytes, const char* failure = "") {
    Compiled kernel;
    kernel.cubin.assign(bytes, 'x'), kernel.failure = failure;
    return std::make_shared<const Compiled>(std::move(kernel));
  };
  few.put(digest("a"), compiled(40)), few.put(digest("b"), compiled(40)), few.put(digest("c"), compiled(40));
  CHECK_FALSE(few.find(digest("a")));
  CHECK(few.find(digest("b")));
  CHECK(few.find(digest("c")));
  few.put(digest("d"), compiled(1, "error: it was cut short"));
  CHECK_FALSE(few.find(digest("d")));
  few.put(digest("e"), compiled(101));
  CHECK_FALSE(few.find(digest("e")));
}
