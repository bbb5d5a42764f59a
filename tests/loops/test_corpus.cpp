// The own loops from text to proven kernels, without a GPU: right, race-free and in bounds, compiled for every architecture,
// through every side of every branch; and what is blindly made parallel is never accepted.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "blind.hpp"
#include "corpus.hpp"
#include "jit/compiler.hpp"

using namespace ak;
using test::OwnLoop;
using test::Trial;

namespace {

using Choose = std::function<std::vector<loop::Candidate>(const OwnLoop&)>;

std::vector<Trial> trials_of(const std::vector<const OwnLoop*>& loops, port::Level level, const Choose& choose) {
  std::vector<std::vector<Trial>> each(loops.size());
  test::in_threads(loops.size(), [&](std::size_t i) {
    std::shared_ptr<test::Data> data;
    for (loop::Candidate& candidate : choose(*loops[i])) {
      Trial trial{loops[i], std::move(candidate), {}, {}, {}};
      try {
        if (!data) data = std::make_shared<test::Data>(*loops[i], level);
        trial.data = data;
      } catch (const Error& error) {
        trial.failed = error.what();
      }
      each[i].push_back(std::move(trial));
    }
  });
  std::vector<Trial> all;
  for (std::vector<Trial>& some : each) std::ranges::move(some, std::back_inserter(all));
  return all;
}

// Of `count` parts, that one.
std::vector<const OwnLoop*> part_of(const std::vector<const OwnLoop*>& loops, std::size_t part, std::size_t count) {
  std::vector<const OwnLoop*> mine;
  for (std::size_t i = part; i < loops.size(); i += count) mine.push_back(loops[i]);
  return mine;
}

std::vector<loop::Candidate> first_of(std::vector<loop::Candidate> all) {
  if (all.size() > 1) all.resize(1);
  return all;
}

// A few loops at a time, so that their data need not be held together.
constexpr std::size_t kAtOnce = 16;

template <typename Work>
void in_portions(const std::vector<const OwnLoop*>& loops, const Work& work) {
  for (std::size_t at = 0; at < loops.size(); at += kAtOnce)
    work(std::vector(loops.begin() + static_cast<std::ptrdiff_t>(at),
                     loops.begin() + static_cast<std::ptrdiff_t>(std::min(loops.size(), at + kAtOnce))));
}

void all_right(const std::vector<const OwnLoop*>& loops, port::Level level, int orders, const Choose& choose) {
  int right = 0;
  in_portions(loops, [&](const std::vector<const OwnLoop*>& some) {
    std::vector<Trial> trials = trials_of(some, level, choose);
    test::prove(trials, orders);
    for (const Trial& trial : trials) {
      CHECK_MESSAGE(trial.right(), trial.text());
      right += trial.right();
    }
  });
  MESSAGE(right, " candidates of ", loops.size(), " loops are right");
}

constexpr std::size_t kParts = 8;

void part(std::size_t number) {
  if (!test::takes_all()) return;
  const std::vector<const OwnLoop*> loops = part_of(test::all_ported(), number, kParts);
  if (test::takes_every_candidate())
    all_right(loops, port::Level::full, 3, test::candidates_of);
  else
    all_right(loops, port::Level::quick, 2, [](const OwnLoop& own) { return first_of(test::candidates_of(own)); });
}

// All of them are there.
std::vector<const OwnLoop*> loops_named(const std::vector<std::string>& names) {
  std::vector<const OwnLoop*> loops;
  for (const OwnLoop& own : test::own_loops())
    if (std::ranges::find(names, own.name) != names.end()) loops.push_back(&own);
  CHECK(loops.size() == names.size());
  return loops;
}

}  // namespace

TEST_CASE("corpus: the kernels tried first for own loops of every class are right, race-free and in bounds") {
  if (test::takes_all()) return;  // all of them are below
  all_right(test::sample_of(2), port::Level::quick, 2, [](const OwnLoop& own) { return first_of(test::candidates_of(own)); });
}

TEST_CASE("corpus: parallel extrema and restarts are right where what they meet is no number") {
  const auto loops = loops_named({"highest_so_far", "largest_by_choice", "restart_at_marks"});
  all_right(loops, port::Level::quick, 1, [](const OwnLoop& own) {
    std::vector<loop::Candidate> first = first_of(test::candidates_of(own));
    CHECK_MESSAGE(test::is_parallel(first.at(0)), own.name);
    return first;
  });
}

TEST_CASE("corpus: subscripts clamped by branches are right, and one that is clamped a place too late too") {
  const auto loops = loops_named({"flat_clamped_blur", "flat_clamped_too_late"});
  all_right(loops, port::Level::quick, 1, [](const OwnLoop& own) { return first_of(test::candidates_of(own)); });
}

TEST_CASE("corpus: what a flag keeps and counts is a compaction, and what stays where it counts is right") {
  const auto loops = loops_named({"flag_that_turns", "keep_by_flag", "stay_before_counting"});
  all_right(loops, port::Level::quick, 2, [](const OwnLoop& own) {
    std::vector<loop::Candidate> first = first_of(test::candidates_of(own));
    if (own.name == "keep_by_flag") CHECK_MESSAGE(test::is_parallel(first.at(0)), own.name);
    return first;
  });
}

TEST_CASE("corpus: fronts over flat arrays of rows are right") {
  const auto loops = loops_named({"flat_cheapest_descent", "flat_distance_transform", "flat_integral_image"});
  all_right(loops, port::Level::quick, 2, [](const OwnLoop& own) {
    std::vector<loop::Candidate> first = first_of(test::candidates_of(own));
    CHECK_MESSAGE(first.at(0).template_name.starts_with("wavefront"), own.name);
    return first;
  });
}

TEST_CASE("corpus: what holds for rows above 0 alone runs in order where they are not, and is refused without that") {
  std::vector<Trial> trials;
  for (const OwnLoop& own : test::own_loops())
    for (const char* name : {"flat_row_sums", "strided_update"}) {
      if (own.name != name) continue;
      const auto data = std::make_shared<test::Data>(own, port::Level::quick);
      loop::Verdict always = test::verdict_of(own);
      CHECK_MESSAGE(always.assumed.size() == 1, own.name);
      trials.push_back({&own, port::port_candidates(always, false).front(), data, {}, {}});
      always.assumed.clear();
      trials.push_back({&own, port::port_candidates(always, false).front(), data, {}, {}});
    }
  CHECK(trials.size() == 4);
  test::prove(trials, 1);
  for (std::size_t i = 0; i < trials.size(); ++i) CHECK_MESSAGE(trials[i].right() == (i % 2 == 0), trials[i].text());
}

TEST_CASE("corpus: recurrences down one column of a flat array are scans and chains for every length of its rows") {
  const auto loops = loops_named({"flat_column_into_next", "flat_decay_down_column", "flat_roots_up_column"});
  all_right(loops, port::Level::quick, 2, [](const OwnLoop& own) {
    std::vector<loop::Candidate> first = first_of(test::candidates_of(own));
    if (own.name == "flat_column_into_next") return first;
    CHECK_MESSAGE(test::is_parallel(first.at(0)), own.name);
    loop::Verdict always = test::verdict_of(own);
    CHECK_MESSAGE(always.used.empty(), own.name);
    CHECK_MESSAGE(always.assumed.size() == 1, own.name);
    always.assumed.clear();
    CHECK_MESSAGE(port::port_candidates(always, false).size() == 1, own.name);
    return first;
  });
}

TEST_CASE("corpus: loops that count down by a parameter, and strides backwards from an offset, are parallel for every step") {
  const auto loops = loops_named(
      {"add_neighbour_from_the_end", "carry_towards_front", "decay_towards_front", "scale_backwards", "thin_from_the_end"});
  all_right(loops, port::Level::quick, 2, [](const OwnLoop& own) {
    std::vector<loop::Candidate> first = first_of(test::candidates_of(own));
    const bool carries = own.name == "add_neighbour_from_the_end" || own.name == "carry_towards_front";
    if (!carries) CHECK_MESSAGE(test::is_parallel(first.at(0)), own.name);
    CHECK_MESSAGE(test::verdict_of(own).used.empty(), own.name);
    return first;
  });
}

TEST_CASE("corpus: windows over flat arrays are parallel for every radius, and in order for what is none") {
  const auto loops = loops_named({"flat_box_sum", "flat_shift_by_radius", "flat_window_too_far"});
  all_right(loops, port::Level::quick, 2, [](const OwnLoop& own) {
    std::vector<loop::Candidate> first = first_of(test::candidates_of(own));
    CHECK_MESSAGE(test::verdict_of(own).used.empty(), own.name);
    CHECK_MESSAGE(!test::verdict_of(own).assumed.empty(), own.name);
    if (own.name != "flat_window_too_far") CHECK_MESSAGE(test::is_parallel(first.at(0)), own.name);
    return first;
  });
}

TEST_CASE("corpus: solvers of rows and of columns have a thread each, where these leave each other nothing") {
  const auto loops = loops_named({"flat_solve_columns", "flat_solve_rows"});
  all_right(loops, port::Level::quick, 1, [](const OwnLoop& own) {
    std::vector<loop::Candidate> first = first_of(test::candidates_of(own));
    CHECK_MESSAGE(first.at(0).template_name == "map", own.name);
    return first;
  });
  for (const OwnLoop& own : test::own_loops())
    if (own.name == "flat_solve_beside") CHECK(test::candidates_of(own).size() == 1);
}

// With AK_TEST_ALL those tried first, with AK_TEST_EVERY_CANDIDATE beside it, which takes hours, all of them on all cases; each
// is a test of CTest.
TEST_CASE("corpus: part 1 of all own loops is right") { part(0); }
TEST_CASE("corpus: part 2 of all own loops is right") { part(1); }
TEST_CASE("corpus: part 3 of all own loops is right") { part(2); }
TEST_CASE("corpus: part 4 of all own loops is right") { part(3); }
TEST_CASE("corpus: part 5 of all own loops is right") { part(4); }
TEST_CASE("corpus: part 6 of all own loops is right") { part(5); }
TEST_CASE("corpus: part 7 of all own loops is right") { part(6); }
TEST_CASE("corpus: part 8 of all own loops is right") { part(7); }

TEST_CASE("corpus: kernels of which a grid may be too small for all take turns") {
  constexpr std::int64_t kMostBlocks = 2147483647;
  const std::vector<std::string> names = {"add_pairs", "histogram", "decay_down_columns", "shift_left", "largest_per_class"};
  std::map<std::string, int> templates;
  std::vector<test::Trial> trials;
  for (const test::OwnLoop& own : test::own_loops()) {
    if (std::ranges::find(names, own.name) == names.end()) continue;
    for (const loop::Candidate& candidate : test::candidates_of(own)) {
      loop::Candidate small = candidate;
      bool capped = false;
      for (loop::Launch& launch : small.launches)
        launch.blocks = loop::replace(launch.blocks, [&](const loop::Term& part) -> std::optional<loop::Term> {
          if (part != loop::integer(kMostBlocks, loop::ScalarType::i64)) return std::nullopt;
          capped = true;
          return loop::integer(2, loop::ScalarType::i64);
        });
      if (!capped || templates[candidate.template_name]++ > 0) continue;
      const std::int64_t many = 4'000'000'000;
      loop::Values values = {{loop::kSms, 132}};
      for (const loop::Parameter& parameter : test::verdict_of(own).function.parameters)
        if (!parameter.pointer) values[parameter.name] = many;
      for (const loop::Launch& launch : candidate.launches)
        if (const auto blocks = loop::evaluate(launch.blocks, values)) CHECK_MESSAGE(*blocks <= kMostBlocks, own.name);
      trials.push_back({&own, std::move(small), std::make_shared<test::Data>(own, port::Level::quick), {}, {}});
    }
  }
  for (const char* name : {"map", "scatter", "lines", "reorder"}) CHECK_MESSAGE(templates[name] > 0, std::string(name));
  test::prove(trials, 1);
  for (const test::Trial& trial : trials) CHECK_MESSAGE(trial.right(), trial.text());
}

TEST_CASE("corpus: every own loop has a serial kernel, nine of ten a parallel one") {
  std::size_t parallel = 0;
  std::string without;
  const std::vector<const OwnLoop*> loops = test::all_ported();
  for (const OwnLoop* own : loops) {
    CAPTURE(own->name);
    const std::vector<loop::Candidate> candidates = test::candidates_of(*own);
    REQUIRE_FALSE(candidates.empty());
    CHECK_FALSE(test::is_parallel(candidates.back()));
    if (test::is_parallel(candidates[0]))
      ++parallel;
    else
      without += fmt::format(" {}", own->name);
  }
  MESSAGE(parallel, " of ", loops.size(), " have a parallel kernel; not these:", without);
  CHECK(parallel * 10 >= loops.size() * 9);
}

TEST_CASE("corpus: kernels compile for every architecture") {
  std::string why;
  if (!compiler_available(&why)) {
    MESSAGE("skipped: ", why);
    return;
  }
  const bool all = test::takes_all();
  const bool every = test::takes_every_candidate();
  const std::vector<const OwnLoop*> loops = every ? test::all_ported() : test::sample_of(all ? 3 : 1);
  std::vector<std::vector<loop::Candidate>> candidates(loops.size());
  test::in_threads(loops.size(), [&](std::size_t i) {
    candidates[i] = test::candidates_of(*loops[i]);
    if (!every) candidates[i] = first_of(std::move(candidates[i]));
  });
  // All of a loop's together, or those of several loops.
  std::vector<std::vector<const loop::Candidate*>> texts;
  for (const std::vector<loop::Candidate>& some : candidates) {
    if (every || texts.empty()) texts.emplace_back();
    for (const loop::Candidate& one : some) texts.back().push_back(&one);
  }
  constexpr const char* kArchitectures[] = {"sm_80", "sm_86", "sm_90a", "sm_100", "sm_120"};
  std::mutex mutex;
  std::vector<std::string> failures;
  test::in_threads(texts.size() * std::size(kArchitectures), [&](std::size_t i) {
    const std::string arch = kArchitectures[i % std::size(kArchitectures)];
    const std::vector<const loop::Candidate*>& some = texts[i / std::size(kArchitectures)];
    const Compiled compiled = port::compile_kernels(test::text_of(some), arch);
    if (!compiled.cubin.empty()) return;
    const std::lock_guard lock(mutex);
    failures.push_back(fmt::format("{}, {}: {}", some[0]->launches[0].kernel, arch, compiled.failure));
  });
  for (const std::string& failure : failures) FAIL_CHECK(failure);
  CHECK(texts.size() * std::size(kArchitectures) > 0);
}

TEST_CASE("corpus: loops that went wrong once, with all of their candidates") {
  std::vector<const OwnLoop*> once;
  for (const OwnLoop& own : test::own_loops())
    for (const std::string_view name : {
             "best_lag",               // a scalar that an inner loop sets, for another group
             "decay_down_columns",     // 16-byte accesses shift from row to row
             "dot_by_fives",           // rerolled, the sum is in another order
             "exponential_smoothing",  // factors overflow before values do
             "linear_ramp",            // x += step in closed form
             "median_of_box",          // a local array that loops in a thread sort in order
             "sort_triples",           // a local array of each iteration
         })
      if (own.name == name) once.push_back(&own);
  CHECK(once.size() == 7);
  all_right(once, port::Level::quick, 2, [](const OwnLoop& own) {
    std::vector<loop::Candidate> all = test::candidates_of(own);
    if (!test::takes_all() && all.size() > 2) all.resize(2);
    return all;
  });
}

TEST_CASE("corpus: what counts in memory, under a condition or in two loops, is a reduction") {
  std::vector<const OwnLoop*> counting;
  for (const OwnLoop& own : test::own_loops())
    if (own.name == "count_loud_samples" || own.name == "count_both_sides") counting.push_back(&own);
  REQUIRE(counting.size() == 2);
  for (const OwnLoop* own : counting) CHECK(test::candidates_of(*own)[0].template_name == "reduce");
  all_right(counting, port::Level::quick, 2, [](const OwnLoop& own) {
    std::vector<loop::Candidate> all = test::candidates_of(own);
    if (!test::takes_all()) all.resize(2);
    return all;
  });
}

TEST_CASE("corpus: the data takes every side of every branch, or says which it does not") {
  const std::map<std::string, std::string> expected = {
      // Of loops cut in two, the iterations of a part are counted; there are never less than none.
      {"add_the_middle", "line 3: n - (n + 1) / 2 + 1 < 0 is never true"},
      // Its clamp is a place too late to ever act.
      {"flat_clamped_too_late", "line 7: x + 1 > w is never true"},
      {"mirror_in_place", "line 3: n - n / 2 < 0 is never true"},
      // The first part of it is a[0] alone.
      {"relative_to_first", "line 3: 0 is never true"},
  };
  const bool all = test::takes_all();
  const std::vector<const OwnLoop*> loops = all ? test::all_ported() : test::sample_of(1);
  std::map<std::string, std::string> unreached;
  std::mutex mutex;
  test::in_threads(loops.size(), [&](std::size_t i) {
    std::vector<std::string> found;
    try {
      found = test::Data(*loops[i], all ? port::Level::full : port::Level::quick).plan.unreached;
    } catch (const Error& error) {
      found.emplace_back(error.what());
    }
    const std::lock_guard lock(mutex);
    if (!found.empty()) unreached[loops[i]->name] = fmt::format("{}", fmt::join(found, "; "));
  });
  for (const auto& [name, sides] : unreached) {
    CAPTURE(name);
    const auto known = expected.find(name);
    CHECK(sides == (known == expected.end() ? "" : known->second));
  }
  if (all) CHECK(unreached.size() == expected.size());
}

TEST_CASE("corpus: no loop that carries something is accepted when it is blindly made parallel") {
  const bool all = test::takes_all();
  const std::vector<const OwnLoop*> loops = all ? test::all_ported() : test::sample_of(3);
  std::size_t refused = 0;
  in_portions(loops, [&](const std::vector<const OwnLoop*>& some) {
    std::vector<Trial> trials = trials_of(some, port::Level::quick, test::blind_candidates);
    test::prove(trials, 2);
    for (const Trial& trial : trials) {
      CHECK_MESSAGE(trial.failed.empty(), trial.text());
      CHECK_MESSAGE(trial.proof.cause != port::Cause::none, trial.text());
      refused += trial.failed.empty() && trial.proof.cause != port::Cause::none;
    }
  });
  MESSAGE(refused, " blind kernels are refused");
  CHECK(refused >= (all ? 140 : 10));
}
