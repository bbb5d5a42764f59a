#include "corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <map>
#include <set>
#include <thread>

#include "base/cores.hpp"
#include "base/environment.hpp"
#include "base/text.hpp"
#include "jit/source.hpp"
#include "port/analysis.hpp"
#include "port/proof/emulated.hpp"

namespace ak::test {

using loop::Candidate;

namespace {

constexpr std::size_t kToAnObject = 12;

Deadline in_time() { return Deadline::in(300); }

// "scan", "anti", ...: what a verdict says, without names. Of several groups also that there are several.
std::set<std::string> words_of(const std::string& verdict) {
  std::set<std::string> found;
  std::string word;
  int depth = 0;
  for (const char c : verdict + " ") {
    if (c == '(' || c == ')') depth += c == '(' ? 1 : -1;
    if (c == ';') found.insert("groups");
    if (c == ':') word.clear();  // a variable
    if (std::isalpha(static_cast<unsigned char>(c)) && depth == 0) word += c;
    if (c == ' ' && depth == 0 && !word.empty()) found.insert(word), word.clear();
  }
  return found;
}

std::string space(std::size_t i) { return fmt::format("c{}", i); }

}  // namespace

bool takes_all() { return !environment("AK_TEST_ALL").empty(); }
bool takes_every_candidate() { return takes_all() && !environment("AK_TEST_EVERY_CANDIDATE").empty(); }

void in_threads(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto some = [&] {
    for (std::size_t i; (i = next++) < count;) work(i);
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min<std::size_t>(count, static_cast<std::size_t>(usable_cores())); ++i)
    threads.emplace_back(some);
  some();
  for (std::thread& thread : threads) thread.join();
}

std::vector<const OwnLoop*> sample_of(int times) {
  std::map<std::string, int> seen;
  std::vector<const OwnLoop*> sample;
  for (const OwnLoop& own : own_loops()) {
    const std::set<std::string> words = words_of(own.expected);
    if (words.contains("refused")) continue;
    if (std::ranges::none_of(words, [&](const std::string& word) { return seen[word] < times; })) continue;
    for (const std::string& word : words) ++seen[word];
    sample.push_back(&own);
  }
  return sample;
}

std::vector<const OwnLoop*> all_ported() {
  in_threads(own_loops().size(), [](std::size_t i) { verdict_of(own_loops()[i]); });
  std::vector<const OwnLoop*> ported;
  for (const OwnLoop& own : own_loops())
    if (verdict_of(own).refused.empty()) ported.push_back(&own);
  return ported;
}

std::vector<Candidate> candidates_of(const OwnLoop& own) { return port::port_candidates(verdict_of(own), false); }

Data::Data(const OwnLoop& own, port::Level level, const loop::CallClass& call)
    : oracle_(verdict_of(own).function, port::Source{port::read_source({own.path, {}, {}, {}, {}, {}, {}}), own.path}, {},
              in_time()) {
  oracle_.rounds_otherwise = port::rounds_otherwise(verdict_of(own));
  port::Facts facts;
  facts.integers = own.values;
  for (const auto& alias : call.aliases) facts.overlaps.push_back({alias.pointer, alias.base, alias.offset});
  plan = port::plan_cases(verdict_of(own).function, oracle_, level, facts, in_time());
  keep([](const port::Recipe&) { return true; });
}

void Data::keep(const std::function<bool(const port::Recipe&)>& wanted) {
  std::erase_if(plan.cases, [&](const port::CasePlan::Planned& one) { return !wanted(one.recipe); });
  cases_ = std::make_unique<port::ExpectedCases>(plan, oracle_);
}

std::string Trial::text() const {
  return fmt::format("{}: {}: {}", own->name, port::tactic_text(candidate), failed.empty() ? proof.text() : failed);
}

std::string text_of(const std::vector<const Candidate*>& candidates) {
  std::string all = kernel_file("loop.cuh") + "\n";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    std::string text = candidates[i]->text;
    // Two of one name may only have C++ linkage.
    constexpr std::string_view kLinkage = "extern \"C\" ";
    for (std::size_t at = 0; (at = text.find(kLinkage, at)) != text.npos;) text.erase(at, kLinkage.size());
    all += fmt::format("namespace {} {{\n{}}}\n", space(i), text);
  }
  return all;
}

namespace {

void prove_one(Trial& trial, const std::shared_ptr<loop::Emulator>& object, const std::string& prefix, int orders) {
  try {
    Candidate candidate = trial.candidate;
    for (loop::Launch& launch : candidate.launches) launch.kernel = prefix + launch.kernel;
    port::Emulated emulated(candidate, object);
    const port::RunKernels run = [&](const port::Case& given, int order) { return emulated.run(given, order, 30); };
    trial.proof = port::prove(trial.data->cases(), candidate.same_bits, orders, run, in_time());
  } catch (const Error& error) {
    trial.failed = error.what();
  } catch (const TimedOut&) {
    trial.failed = "not in time";
  }
}

void prove_together(std::vector<Trial*> trials, int orders) {
  std::vector<const Candidate*> candidates;
  std::vector<std::string> kernels;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    candidates.push_back(&trials[i]->candidate);
    for (const loop::Launch& launch : trials[i]->candidate.launches) {
      std::string name = space(i) + "::" + launch.kernel;
      if (std::ranges::find(kernels, name) == kernels.end()) kernels.push_back(std::move(name));
    }
  }
  std::shared_ptr<loop::Emulator> object;
  try {
    object = std::make_shared<loop::Emulator>(text_of(candidates), kernels,
                                              loop::EmulatorOptions{AK_BINARY_DIR "/ak-worker", {}, 300});
  } catch (const Error& error) {
    if (trials.size() == 1) {
      trials[0]->failed = error.what();
      return;
    }
    for (Trial* trial : trials) prove_together({trial}, orders);  // which one it is
    return;
  }
  for (std::size_t i = 0; i < trials.size(); ++i) prove_one(*trials[i], object, space(i) + "::", orders);
}

}  // namespace

void prove(std::vector<Trial>& trials, int orders) {
  std::vector<std::vector<Trial*>> objects;
  for (Trial& trial : trials) {
    if (!trial.failed.empty()) continue;
    if (objects.empty() || objects.back().size() == kToAnObject) objects.emplace_back();
    objects.back().push_back(&trial);
  }
  in_threads(objects.size(), [&](std::size_t i) { prove_together(objects[i], orders); });
}

}  // namespace ak::test
