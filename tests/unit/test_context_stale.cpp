// Records that something has changed under: proven again, timed again, replaced or left. On a fake machine.
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "fake_machine.hpp"

using namespace ak;
using namespace ak::testing;

TEST_CASE("a stale record is proven again, the old winner first, and replaced") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_stale");
  Fixture first(settings);
  first.call();
  const Tactic winner = first.context->store().find(first.problem, first.world.hardware)->tactic;

  first.world.today.driver = "590.1";
  first.open(settings);
  CHECK(first.context->explain(first.problem).note.find("590.1") != std::string::npos);
  first.call();
  CHECK(first.context->counters().searches == 0);  // proven at full effort, not searched for
  CHECK(first.context->counters().trials == 1);
  CHECK(first.context->counters().store_hits == 0);
  REQUIRE(first.world.ran_first.size() == 2);
  CHECK(first.world.ran_first.back() == winner);
  CHECK(first.context->store().find(first.problem, first.world.hardware)->provenance.driver == "590.1");

  first.world.today.driver = "600.1";  // in mode hit it serves on
  settings.mode = Mode::hit;
  first.open(settings);
  first.call();
  CHECK(first.context->counters().vendor_fallbacks == 0);
  CHECK(first.context->counters().store_hits == 1);
  CHECK(first.context->explain(first.problem).served_by == to_string(winner));
  CHECK(first.context->explain(first.problem).note.find("600.1") != std::string::npos);

  first.world.today.family_source = digest("other kernels");  // other device code does not
  first.open(settings);
  first.call();
  CHECK(first.context->counters().vendor_fallbacks == 1);
  CHECK(first.context->store().find(first.problem, first.world.hardware));
}

TEST_CASE("that records serve as they were proven before is told at warn, once a process") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_told");
  Fixture f(settings);
  f.call();
  f.world.today.driver = "611.77";
  settings.mode = Mode::hit;
  const LogLevel before = log_level();
  set_log_level(LogLevel::warn);
  std::vector<std::string> told;
  const auto sink = add_log_sink([&](LogLevel level, std::string_view line) {
    if (level == LogLevel::warn) told.emplace_back(line);
  });
  for (int context = 0; context < 2; ++context) {
    f.open(settings);
    f.call();
    f.call();
    CHECK(f.context->explain(f.problem).note.find("serves as it was proven before, ") == 0);
  }
  remove_log_sink(sink);
  set_log_level(before);
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("records serve as they were proven before (") == 0);
  CHECK(told[0].find("611.77") != std::string::npos);
  CHECK(told[0].find("; `ak warm` proves them again") != std::string::npos);
}

TEST_CASE("a kernel that is compiled from something else today is proven and timed again; in mode hit it does not serve") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_source");
  Fixture f(settings);
  f.call();
  const Tactic winner = f.context->store().find(f.problem, f.world.hardware)->tactic;
  CHECK(f.context->store().find(f.problem, f.world.hardware)->provenance.kernel_source == f.world.today.kernel_source);
  f.world.today.kernel_source = digest("other defines");  // of the same device code
  settings.mode = Mode::hit;
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 0);
  CHECK(f.context->counters().vendor_fallbacks == 1);

  settings.mode = Mode::tune;
  f.open(settings);
  const int runners = f.world.runners;
  f.call();
  CHECK(f.context->counters().store_hits == 0);
  CHECK(f.world.runners == runners + 1);
  CHECK(f.world.ran_first.back() == winner);
  CHECK(f.context->counters().searches == 0);  // it wins still, so nothing was searched for
  CHECK(f.context->store().find(f.problem, f.world.hardware)->provenance.kernel_source == f.world.today.kernel_source);
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 1);

  // A record that does not say it is judged by its device code, as ever.
  PlanRecord old = *f.context->store().find(f.problem, f.world.hardware);
  old.provenance.kernel_source = {};
  const std::string cubin = *f.context->store().cubin(old.cubin);
  f.context->store().replace(old, cubin);
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 1);
}

TEST_CASE("a vendor's stale record is proven again; with another cuBLASLt its heuristics are others, and it is searched for") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_vendor_stale");
  Fixture f(settings);
  f.world.vendor_us = {9, 4};
  f.open(settings);
  f.call();
  const Tactic winner = f.context->store().find(f.problem, f.world.hardware)->tactic;
  REQUIRE(is_vendor(winner));

  f.world.today.driver = "590.1";
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 0);
  CHECK(f.context->counters().searches == 0);
  const auto proven = f.context->store().find(f.problem, f.world.hardware);
  CHECK(proven->tactic == winner);
  CHECK(proven->provenance.driver == "590.1");
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 1);

  f.world.today.cublaslt = "14.0";
  f.open(settings);
  f.call();
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->store().find(f.problem, f.world.hardware)->provenance.cublaslt == "14.0");
}

TEST_CASE("another NVRTC or cuBLASLt is noticed without opening it, and an own winner is timed again") {
  for (std::string Provenance::*const version : {&Provenance::nvrtc, &Provenance::cublaslt}) {
    Settings settings = quick();
    settings.cache_dir = fresh_folder("test_context_upgrade");
    Fixture f(settings);
    f.call();
    f.open(settings);
    f.world.opened = 0;
    f.call();
    CHECK(f.context->counters().store_hits == 1);
    CHECK(f.world.opened == 0);
    f.world.today.*version = "14.0";
    f.open(settings);
    f.call();
    CHECK(f.context->counters().store_hits == 0);
    CHECK(f.context->counters().searches == 0);
    CHECK(f.context->store().find(f.problem, f.world.hardware)->provenance.*version == "14.0");
    f.world.files_tell = false;  // nothing to compare with: a hit
    f.world.today.*version = "15.0";
    f.open(settings);
    f.call();
    CHECK(f.context->counters().store_hits == 1);
  }
}

TEST_CASE("an absent NVRTC makes no record stale; changed kernels do") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_nvrtc");
  Fixture f(settings);
  f.call();
  f.world.today.nvrtc = "";
  f.world.no_compiler = "NVRTC is not available";
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 1);
  f.world.today.family_source = digest("other kernels");
  f.open(settings);
  f.call();  // proven again: without a compiler only the vendor stands
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->explain(f.problem).served_by.starts_with("cuBLASLt"));
  CHECK(f.context->explain(f.problem).note.find("NVRTC") != std::string::npos);
  CHECK(f.context->store().find(f.problem, f.world.hardware)->tactic.family != FamilyId::vendor);  // not thrown away
}

TEST_CASE("what was found without a compiler is proven again once there is one") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_compiler");
  Fixture f(settings);
  f.world.today.nvrtc = "";
  f.world.no_compiler = "NVRTC is not available";
  f.open(settings);
  f.call();
  CHECK(f.context->explain(f.problem).served_by.starts_with("cuBLASLt"));
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 1);
  f.world.today.nvrtc = "13.0";
  f.world.no_compiler.reset();
  f.open(settings);
  f.call();
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->store().find(f.problem, f.world.hardware)->tactic.family != FamilyId::vendor);
}
