#include "port/port.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <mutex>
#include <thread>

#include "base/thread.hpp"
#include "jit/source.hpp"
#include "plan/resources.hpp"
#include "port/arms.hpp"
#include "port/c/trace_check.hpp"
#include "port/candidates.hpp"
#include "port/cases/pinned.hpp"
#include "port/cases/shrunk.hpp"
#include "port/gate/gate.hpp"
#include "port/llm/asking.hpp"
#include "port/proof/compiled_apart.hpp"
#include "port/proof/emulated.hpp"
#include "port/proof/gpu_proof.hpp"
#include "port/proof/gpu_use.hpp"
#include "port/proof/proving.hpp"
#include "port/proof/size_proofs.hpp"
#include "port/timing.hpp"
#include "worker/worker.hpp"

namespace ak::port {

namespace {

constexpr int kOrders = 3;
// Of a call's arrays, beyond which a smaller call stands for it.
constexpr std::int64_t kMostOwnBytes = std::int64_t{128} << 20;
constexpr std::int64_t kMostTimedBytes = std::int64_t{256} << 20;
constexpr double kMostTimedIterations = 64e6;
constexpr double kMostQuickIterations = 250e3;  // of a function of constant sizes, within a call's budget
constexpr double kTraceSeconds = 5;
constexpr double kMostCompileSeconds = 60;  // of a text that no template has made
constexpr double kCpuPart = 0.6;            // of a call's budget, for analysis and proofs without a GPU

Status status_of(Cause cause) {
  switch (cause) {
    case Cause::none:
      return Status::passed;
    case Cause::compile:
      return Status::compile;
    case Cause::race:
      return Status::race;
    case Cause::bounds:
      return Status::bounds;
    case Cause::divergence:
      return Status::divergence;
    case Cause::steps:
      return Status::steps;
    case Cause::fault:
      return Status::fault;
    case Cause::incorrect:
    case Cause::unproven:
      return Status::incorrect;
  }
  return Status::incorrect;
}

Facts facts_of(const loop::CallClass& call) {
  Facts facts;
  for (const auto& [name, value] : call.values) facts.integers[name] = value;
  for (const auto& alias : call.aliases) facts.overlaps.push_back({alias.pointer, alias.base, alias.offset});
  return facts;
}

// The candidates in the order in which they are tried: those that are said to have won elsewhere first. `known`: how many.
std::vector<loop::Candidate> ordered(const PortRequest& request, std::size_t& known) {
  std::vector<loop::Candidate> first, rest;
  int place = 0;
  for (loop::Candidate& candidate : candidates_in(request.verdict, request.call)) {
    const bool goes_first = std::any_of(request.known.begin(), request.known.end(), [&](loop::Candidate known) {
      known.same_bits = candidate.same_bits;  // which the proof decides
      return known == candidate;
    });
    if (goes_first || place >= request.tried) (goes_first ? first : rest).push_back(std::move(candidate));
    ++place;
  }
  if (request.llm)
    for (const loop::Candidate& one : request.known)
      if (one.origin == loop::Origin::llm) {
        first.push_back(one);
        first.back().template_name = kLlm, first.back().knobs.clear();  // whatever a record calls it
      }
  known = first.size();
  std::move(rest.begin(), rest.end(), std::back_inserter(first));
  return first;
}

// Null where there is no text to trace.
std::unique_ptr<Tracer> tracer_of(const PortRequest& request, const Oracle& oracle, const CompilerOptions& compiler) {
  if (oracle.preprocessed_text().empty()) return nullptr;
  return std::make_unique<Tracer>(request.verdict.function, oracle.preprocessed_text(), compiler, request.source.drops);
}

class Porting {
 public:
  Porting(const PortRequest& request, const PortGpu* gpu, Deadline deadline, const PortProgress& progress)
      : request_(request),
        gpu_(gpu),
        deadline_(deadline),
        progress_(progress),
        facts_(facts_of(request.call)),
        roles_(roles_of(request.verdict.function)),
        compiler_(request.c_compiler()),
        oracle_(request.verdict.function, request.c_source(), compiler_, deadline),
        small_(small_verdict()),
        tracer_(small_ ? nullptr : tracer_of(request, oracle_, compiler_)),  // it has the sizes that take too long
        plan_(planned()),
        sizes_(sizes_to_time()),
        cases_(plan_, small_oracle_ ? *small_oracle_ : oracle_),
        exact_(rounds_alike(request.verdict.function)) {
    std::vector<loop::Candidate> candidates;
    if (!request.asking || request.asking->templates) candidates = ordered(request, known_);
    const AttemptRules rules = request.asking ? request.asking->rules : AttemptRules{0, 0, Goal::right};
    ported_.tried.reserve(candidates.size() + static_cast<std::size_t>(rules.with_feedback + rules.anew));
    for (loop::Candidate& candidate : candidates)
      ported_.tried.push_back({std::move(candidate), Status::budget, {}, 0, 0, {}, {}});
    if (!small_) return;
    Facts own = facts_;
    own.integers.insert(request.integers.begin(), request.integers.end());
    own_size_.emplace(plan_own_size(request.verdict.function, oracle_, own, deadline));
    own_cases_.emplace(*own_size_, oracle_);
    add_note("its constant sizes are too long for the emulator, which ran it with smaller ones");
  }

  Ported run() {
    const auto start = Clock::now();
    ported_.facts = facts_;
    for (const CasePlan::Planned& one : plan_.cases) ported_.cases.emplace_back(one.sizes, one.recipe);
    trace();
    if (gpu_) c_arms_ = c_arms(request_, deadline_, [&](const std::string& what) { add_note(what); });
    if (!small_) {
      const CasePlan::Planned own = own_call();
      if (request_.sizes.empty() && own.sizes != request_.integers)
        sizes_ = timed_sizes(request_.function, free_sizes(), own.sizes, kMostTimedBytes, kMostTimedIterations);
      for (TimedSize& size : sizes_) size.recipe = own.recipe;
    }
    prove_without_gpu(gpu_ ? deadline_.sooner(kCpuPart * deadline_.remaining()) : deadline_);
    if (gpu_) {
      on_gpu();
    } else {
      ask([&](Tried& tried) { return prove_one(tried, deadline_), Judged{}; });
      for (const TimedSize& size : sizes_) is_timed(size);
    }
    loop::Winner& winner = ported_.winner;
    winner.verdict = text(request_.verdict);
    winner.seconds = seconds_since(start);
    winner.unix_time = std::time(nullptr);
    winner.cases = fmt::format("{}/{}", cases_.size(), cases_.size());
    winner.tried = request_.tried;
    bool all = true;  // what comes behind one that was not tried is tried again with it
    for (std::size_t i = known_; i < ported_.tried.size(); ++i) {
      if (ported_.tried[i].asked) break;
      all = all && (ported_.tried[i].status != Status::budget || !winner.unfinished);
      winner.tried += all && ported_.tried[i].status != Status::budget;
    }
    return std::move(ported_);
  }

 private:
  // Without sizes that are facts of all calls.
  Roles free_sizes() const {
    Roles roles = roles_;
    std::erase_if(roles.sizes, [&](const std::string& name) { return facts_.integers.contains(name); });
    return roles;
  }

  std::vector<TimedSize> sizes_to_time() const {
    if (request_.sizes.empty())
      return timed_sizes(request_.function, free_sizes(), request_.integers, kMostTimedBytes, kMostTimedIterations);
    std::vector<TimedSize> sizes;
    for (const loop::Values& integers : request_.sizes)
      sizes.push_back({integers, loop::size_of_call(request_.function, integers), {}});
    return sizes;
  }

  // Where no size ends soon.
  std::optional<loop::Verdict> small_verdict() {
    const loop::Function& function = request_.verdict.function;
    const double most = request_.quick && roles_.sizes.empty() ? kMostQuickIterations : kMostIterations;
    if (!facts_.overlaps.empty() || !sizes_of(function, roles_, facts_, most).empty()) return std::nullopt;
    std::optional<loop::Verdict> small = shrunk(request_.verdict, most / 4);
    oracle_.call_seconds = 30;
    if (small) small_oracle_.emplace(small->function, std::nullopt, compiler_, deadline_);
    return small;
  }

  CasePlan planned() {
    Oracle& oracle = small_oracle_ ? *small_oracle_ : oracle_;
    oracle.rounds_otherwise = oracle_.rounds_otherwise = rounds_otherwise(request_.verdict);
    const loop::Function& function = small_ ? small_->function : request_.verdict.function;
    return plan_cases(function, oracle, request_.quick ? Level::quick : Level::full, facts_, deadline_);
  }

  // As the emulator runs it: the same one of the smaller function.
  loop::Candidate emulated(const loop::Candidate& candidate) const {
    if (!small_) return candidate;
    const auto own = candidates_in(request_.verdict, request_.call), small = candidates_in(*small_, request_.call);
    for (std::size_t i = 0; i < std::min(own.size(), small.size()); ++i)
      if (own[i].text == candidate.text && own[i].knobs == small[i].knobs && own[i].template_name == small[i].template_name)
        return small[i];
    throw Error(ErrorCode::unsupported, "with smaller sizes it is another kernel");
  }

  // The analysis is held to what the C function does.
  void trace() {
    if (!tracer_) return;
    try {
      TraceCheck found = check(request_.verdict, *tracer_, plan_, deadline_.sooner(kTraceSeconds));
      ported_.unpredicted = std::move(found.unpredicted), ported_.observed = std::move(found.observed);
    } catch (const Error& error) {
      add_note(fmt::format("not traced: {}", error.what()));
    }
    if (ported_.unpredicted.empty()) return;
    ported_.unpredicted =
        fmt::format("serial alone: a run of the C function shows what the analysis did not predict: {}", ported_.unpredicted);
    const auto begin = ported_.tried.begin();
    const auto serial =
        std::find_if(begin, ported_.tried.end(), [](const Tried& one) { return one.candidate.template_name == kSerial; });
    known_ = serial - begin < static_cast<std::ptrdiff_t>(known_) ? 1 : 0;
    if (serial != ported_.tried.end()) ported_.tried.erase(serial + 1, ported_.tried.end());
    ported_.tried.erase(begin, serial);
  }

  // Why the C function may not be called so. `own`: its time is the caller's choice.
  std::optional<std::string> unfit(const loop::Values& integers, const Recipe& recipe, bool own = false) {
    const Case made = make_case(request_.verdict.function, roles_, facts_, integers, recipe);
    try {
      const auto walk = oracle_.walk(made, deadline_.later(1));
      if (!walk || walk->outside.empty()) return std::nullopt;
      return fmt::format("it leaves its arrays at {} ({})", walk->outside, made.name);
    } catch (const Unfit& crash) {
      return crash.what();
    } catch (const Error& slow) {
      return own ? std::nullopt : std::optional<std::string>(slow.what());
    }
  }

  // The call's own size is; of the others those that the function bears.
  bool is_timed(const TimedSize& size) {
    if (&size != &sizes_[0] && unfit(size.integers, size.recipe)) return false;
    ported_.timed.emplace_back(size.integers, size.recipe);
    return true;
  }

  // The call, with data that it may have; where it is a guess and there are none, the largest case.
  CasePlan::Planned own_call() {
    const loop::Values integers = within(request_.verdict.function, free_sizes(), request_.integers, kMostOwnBytes);
    std::vector<Recipe> recipes = basic_recipes();
    for (const CasePlan::Planned& one : plan_.cases)
      if (std::ranges::find(recipes, one.recipe) == recipes.end()) recipes.push_back(one.recipe);
    std::optional<std::string> why;
    for (const Recipe& recipe : recipes) {
      const auto because = unfit(integers, recipe, true);
      if (!because) return {integers, recipe};
      if (!why) why = because;
    }
    if (request_.called)
      throw Error(ErrorCode::invalid_argument, fmt::format("'{}' cannot be called so: {}", request_.function.name, *why));
    CasePlan::Planned largest = *std::ranges::max_element(
        plan_.cases, {}, [&](const CasePlan::Planned& one) { return iterations(request_.verdict.function, one.sizes); });
    const Case made = make_case(request_.verdict.function, roles_, facts_, largest.sizes, largest.recipe);
    return {made.integers(), largest.recipe};
  }

  void say(const PortStep& step) {
    if (progress_) progress_(step);
  }

  // In threads, in order; each compiles a candidate for the emulator, runs the cases, then compiles it for the GPU. `serial` is
  // as good as sure to pass: what is slow to prove leaves it time.
  void prove_without_gpu(Deadline deadline) {
    const std::size_t count = ported_.tried.size();
    const std::size_t serial = static_cast<std::size_t>(
        std::ranges::find(ported_.tried, kSerial, [](const Tried& one) { return one.candidate.template_name; }) -
        ported_.tried.begin());
    const Deadline half = deadline.sooner(deadline.remaining() / 2), others = deadline.sooner(0.7 * deadline.remaining());
    std::atomic<std::size_t> next{0};
    std::atomic<bool> took_serial{serial == count}, any_passed{false};
    const auto take = [&] {
      if (half.passed() && !any_passed && !took_serial.exchange(true)) return serial;
      std::size_t i = next++;
      if (i == serial && took_serial.exchange(true)) i = next++;
      return i;
    };
    PortStep step{"proof", 0, static_cast<int>(count)};
    say(step);
    const auto work = [&] {
      for (std::size_t i; (i = take()) < count;) {
        if (deadline.passed()) return;
        prove_one(ported_.tried[i], i == serial || any_passed ? deadline : others);
        if (ported_.tried[i].passed()) any_passed = true;
        if (gpu_ && ported_.tried[i].passed()) compile_one(ported_.tried[i]);
        const std::lock_guard lock(mutex_);
        ++step.done, step.right += ported_.tried[i].passed(), step.ended = &ported_.tried[i];
        say(step);
      }
    };
    std::vector<std::thread> threads;
    for (int i = 1; i < std::min<int>(request_.threads, static_cast<int>(ported_.tried.size())); ++i) {
      try {
        threads.push_back(start_thread(work));
      } catch (const std::system_error&) {
        break;  // fewer do it too
      }
    }
    work();
    for (std::thread& thread : threads) thread.join();
  }

  // What an LLM wrote is read by the gate before any compiler.
  bool passes_gate(Tried& tried) const {
    if (tried.candidate.origin != loop::Origin::llm) return true;
    const auto refusal =
        refused(tried.candidate.text, gate_names(tried.candidate, request_.verdict.function, !request_.call.aliases.empty()));
    if (refusal) tried.status = Status::refused, tried.why = refusal->text();
    return !refusal;
  }

  // Templates' kernels are guarded by what the verdict assumes as they are made.
  bool guards(Tried& tried) const {
    if (tried.candidate.origin != loop::Origin::llm) return true;
    auto guarded = where_assumed(tried.candidate, request_.verdict, request_.call);
    if (guarded)
      tried.candidate = *std::move(guarded);
    else
      tried.status = Status::refused, tried.why = "no kernel of one thread can stand beside its kernels, for other sizes";
    return guarded.has_value();
  }

  void prove_one(Tried& tried, Deadline deadline) {
    if (!passes_gate(tried) || !guards(tried)) return;
    try {
      const loop::Candidate candidate = emulated(tried.candidate);
      Emulated kernels(candidate, kernel_text(candidate), {request_.tools.worker, {}, std::min(30.0, deadline.remaining())});
      const RunKernels run = [&](const Case& given, int order) {
        KernelRun ran = kernels.run(given, order, std::min(30.0, deadline.remaining() + 1));
        if (ran.cause == Cause::steps && deadline.passed()) throw TimedOut{};  // it may have ended, given longer
        return ran;
      };
      const Proof proof = prove(cases_, tried.candidate.same_bits, request_.quick ? 2 : kOrders, run, deadline);
      tried.right = proof.done, tried.cases = proof.cases;
      tried.why = proof.why;
      if (proof.cause == Cause::incorrect && tried.why.find(kOverflow) == std::string::npos &&
          overflows(cases_.at(static_cast<std::size_t>(proof.done), deadline).given, deadline))
        tried.why += fmt::format("; {}", kOverflow);
      tried.status = proof.right() ? Status::passed : proof.cause == Cause::none ? Status::budget : status_of(proof.cause);
    } catch (const Error& error) {
      tried.why = error.what();
      // A compiler that had no time left has refused nothing: another call goes on with it.
      const bool refused = error.code() == ErrorCode::invalid_argument && !deadline.passed();
      tried.status = refused ? Status::compile : Status::budget;
    } catch (const TimedOut&) {
      tried.status = Status::budget, tried.why = "its proof has not ended in time";
    }
  }

  // A language model, for more candidates.
  void ask(const Judge& judge) {
    if (!request_.asking) return;
    if (!ported_.unpredicted.empty()) return add_note("no LLM is asked: what it would be told is not so");
    if (small_)
      return add_note("no LLM is asked: its kernels would be of the constant sizes, which are too long for the emulator");
    PortStep step{"attempt", 0, request_.asking->rules.with_feedback + request_.asking->rules.anew};
    const std::string why = ask_for_kernels(
        request_, judge,
        [&](int number) {
          step.done = number - 1;
          say(step);
        },
        deadline_, ported_.tried);
    if (!why.empty()) add_note(why);
  }

  // Asked once: where it does, candidates that differ from C are no fault of theirs.
  bool overflows(const Case& given, Deadline deadline) {
    std::call_once(looked_, [&] { overflows_ = (small_oracle_ ? *small_oracle_ : oracle_).overflows(given, deadline); });
    return overflows_;
  }

  // A text that no template has made has a process of its own for it.
  Compiled compiled_for_gpu(const Tried& tried, const std::string& text) const {
    const std::string arch = gpu_->resources->facts().arch();
    if (tried.candidate.origin == loop::Origin::templates) return compile_kernels(text, arch, *gpu_->compiler, deadline_);
    return compile_apart(text, arch, request_.tools.worker, deadline_.sooner(kMostCompileSeconds));
  }

  void compile_one(Tried& tried) {
    const ak::Source source(kernel_text(tried.candidate));
    if (gpu_->quarantined)
      if (const auto why = gpu_->quarantined(source.digest)) {
        tried.status = Status::fault, tried.why = "in quarantine: " + *why;
        return;
      }
    try {
      const Compiled compiled = compiled_for_gpu(tried, source.text);
      tried.image = compiled.cubin;
      if (compiled.cubin.empty())
        tried.status = deadline_.passed() ? Status::budget : Status::compile, tried.why = compiled.failure;
    } catch (const Error& error) {  // no compiler, or no memory for one, which passes
      tried.status = error.code() == ErrorCode::out_of_memory ? Status::budget : Status::compile, tried.why = error.what();
    }
  }

  // Whatever the emulator ran.
  ExpectedCases& own_size_cases() { return own_cases_ ? *own_cases_ : cases_; }

  std::string subject() {
    ExpectedCases& cases = own_size_cases();
    std::vector<ProofCase> all;
    for (std::size_t i = 0; i < cases.size(); ++i) all.push_back(cases.at(i, deadline_));
    return proof_subject(request_.verdict.function, all);
  }

  // Launched for the first time: in the worker; where there is none, here, as templates are reviewed, and nothing else is.
  void prove_on_gpu(Tried& tried, ProofRequest& request) {
    request.image = tried.image;
    loop::Candidate launches = tried.candidate;
    launches.text.clear();
    launches.same_bits = launches.same_bits && exact_;
    request.launch = write_json(launches);
    const GpuUse use(*gpu_, deadline_);
    try {
      if (gpu_->worker) {
        try {
          gpu_->worker->prove(request, deadline_.later(5));
          return;
        } catch (const Unavailable& absent) {
          add_note("proven in this process: " + absent.why);
        }
      }
      if (tried.candidate.origin == loop::Origin::llm) {
        tried.status = Status::refused, tried.why = "an LLM's kernel is launched in the worker first, and there is none";
        return;
      }
      loop_kind().open(request.subject, {})->prove(request, deadline_.later(5));
    } catch (const Failed& failed) {
      tried.why = failed.why;
      tried.status = failed.outcome == Outcome::incorrect ? Status::incorrect : Status::fault;
      if (failed.harms && gpu_->quarantine) gpu_->quarantine(ak::Source(kernel_text(tried.candidate)).digest, failed.why);
    } catch (const TimedOut&) {
      tried.status = Status::timeout, tried.why = "did not end on the GPU";
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory) throw;
      tried.status = Status::budget, tried.why = error.what();
    }
  }

  // Where it is to be timed, which is in this process: what nobody has reviewed runs there as it has run in the worker.
  void prove_at(const TimedSize& size, const std::vector<Tried*>& all) {
    const auto due = [&](const Tried* one) {
      return one->candidate.origin == loop::Origin::llm && one->passed() && !size_proofs_.has(*one, size);
    };
    if (std::ranges::none_of(all, due)) return;
    ProofRequest request;
    request.tag = loop::kLoop, request.effort = Effort::full;
    std::string why;
    request.subject = size_proofs_.subject(size, deadline_, why);
    if (request.subject.empty())
      return add_note(fmt::format("an LLM's kernel is not timed at {} iterations: {}", size.size, why));
    for (Tried* one : all) {
      if (!due(one)) continue;
      prove_on_gpu(*one, request);
      if (one->passed()) size_proofs_.add(*one, size);
      if (one->status != Status::budget) continue;
      add_note(fmt::format("an LLM's kernel is not timed at {} iterations: {}", size.size, one->why));
      one->status = Status::passed, one->why.clear();
    }
  }
  bool may_run(const Tried& tried, const TimedSize& size) const {
    return tried.candidate.origin == loop::Origin::templates || size_proofs_.has(tried, size);
  }

  // As a template's candidate; where speed is asked for, timed beside the best so far.
  Judged judge_on_gpu(Tried& tried, ProofRequest& request, std::vector<Tried*>& passed) {
    prove_one(tried, deadline_);
    if (tried.passed()) compile_one(tried);
    if (tried.passed()) prove_on_gpu(tried, request);
    if (tried.passed() && !sizes_.empty()) prove_at(sizes_[0], {&tried});
    if (!tried.passed()) return {};
    Judged judged;
    if (request_.asking->rules.goal == Goal::speed) {
      std::vector<const Tried*> beside(passed.begin(), passed.end());
      if (best_) beside = {best_};
      beside.push_back(&tried);
      const std::vector<double> us = quick_times(beside);
      const auto best = std::min_element(us.begin(), us.end());
      if (best != us.end()) {
        best_ = beside[static_cast<std::size_t>(best - us.begin())];
        judged.us = us.back();
        judged.best_us = us.size() > 1 ? *std::min_element(us.begin(), us.end() - 1) : judged.us;
      }
    }
    passed.push_back(&tried);
    return judged;
  }

  // At the call's own size; nothing where they cannot be timed.
  std::vector<double> quick_times(const std::vector<const Tried*>& of) {
    constexpr double kGraphUs = 100;
    constexpr int kRounds = 5;
    const loop::Function& function = request_.verdict.function;
    std::vector<double> us;
    if (array_bytes(function, sizes_[0].integers) > gpu_->device_bytes) return us;
    if (std::ranges::any_of(of, [&](const Tried* one) { return !may_run(*one, sizes_[0]); })) return us;
    const GpuUse use(*gpu_, deadline_);
    try {
      std::vector<std::unique_ptr<LoopPlan>> plans;
      std::vector<const LoopPlan*> all;
      for (const Tried* one : of) {
        plans.push_back(std::make_unique<LoopPlan>(*gpu_->resources, one->image.data(), function, one->candidate));
        all.push_back(plans.back().get());
      }
      LoopTimer timer(*gpu_->resources, function, roles_, facts_, sizes_[0]);
      for (const port::Arm& arm : timer.time(all, kGraphUs, kRounds, deadline_.later(2))) us.push_back(arm.us);
    } catch (const TimedOut&) {
      us.clear();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory) throw;
      us.clear();
    }
    return us;
  }

  void on_gpu() {
    ProofRequest whole;
    whole.tag = loop::kLoop, whole.subject = subject(), whole.effort = Effort::full;
    std::vector<Tried*> passed;
    PortStep step{"proof on the GPU", 0, static_cast<int>(std::ranges::count_if(ported_.tried, &Tried::passed))};
    // What is proven and not timed is of no use.
    const double for_timing = deadline_.remaining() / 2;
    for (Tried& tried : ported_.tried) {
      if (!tried.passed()) continue;
      if ((deadline_.passed() || deadline_.remaining() < for_timing) && !passed.empty()) {
        tried.status = Status::budget, ported_.winner.unfinished = true;
        continue;
      }
      say(step);
      prove_on_gpu(tried, whole);
      if (tried.passed()) passed.push_back(&tried);
      ++step.done, step.right = static_cast<int>(passed.size());
    }
    ask([&](Tried& tried) { return judge_on_gpu(tried, whole, passed); });
    for (const Tried& tried : ported_.tried) ported_.winner.unfinished |= tried.status == Status::budget;
    for (std::size_t s = 1; s < sizes_.size() && !deadline_.passed(); ++s) prove_at(sizes_[s], passed);
    std::erase_if(passed, [](const Tried* one) { return !one->passed(); });
    if (passed.empty()) return;
    time_arms(
        {request_, *gpu_, roles_, facts_, std::move(c_arms_), own_size_cases(), deadline_,
         [&](const std::string& what) { add_note(what); },
         [&](const Tried& tried, const TimedSize& size) { return may_run(tried, size); }},
        sizes_,
        [&](const TimedSize& size) {
          say({"timing", static_cast<int>(&size - sizes_.data()), static_cast<int>(sizes_.size())});
          return is_timed(size);
        },
        passed, ported_);
  }

  void add_note(const std::string& what) {
    if (ported_.note.find(what) == ported_.note.npos) ported_.note += (ported_.note.empty() ? "" : "; ") + what;
  }

  const PortRequest& request_;
  const PortGpu* const gpu_;
  Deadline deadline_;  // later by the rests
  const PortProgress& progress_;
  const Facts facts_;
  const Roles roles_;
  const CompilerOptions compiler_;
  Oracle oracle_;
  std::optional<Oracle> small_oracle_;
  const std::optional<loop::Verdict> small_;  // of a function that takes too long at every size
  const std::unique_ptr<Tracer> tracer_;
  const CasePlan plan_;
  std::vector<TimedSize> sizes_;
  ExpectedCases cases_;
  std::optional<CasePlan> own_size_;  // of what small_ stands for
  std::optional<ExpectedCases> own_cases_;
  const bool exact_;
  CArms c_arms_;
  std::size_t known_ = 0;  // of the candidates: that go first
  SizeProofs size_proofs_{request_.verdict.function, roles_, facts_, oracle_};
  const Tried* best_ = nullptr;  // of those that were timed beside answers
  std::mutex mutex_;             // of progress
  std::once_flag looked_;
  bool overflows_ = false;
  Ported ported_;
};

}  // namespace

std::string text(const PortStep& step) {
  return fmt::format("{} {} of {}{}", step.what, std::min(step.done + 1, step.of), step.of,
                     step.right > 0 ? fmt::format(", {} right", step.right) : "");
}

Ported port(const PortRequest& request, const PortGpu* gpu, Deadline deadline, const PortProgress& progress) {
  if (!request.verdict.refused.empty()) throw Error(ErrorCode::unsupported, request.verdict.refused);
  return Porting(request, gpu, deadline, progress).run();
}

loop::Verdict observed(const PortRequest& request, Deadline deadline) {
  loop::Verdict verdict = request.verdict;
  const CompilerOptions compiler = request.c_compiler();
  Oracle oracle(verdict.function, request.c_source(), compiler, deadline);
  oracle.rounds_otherwise = rounds_otherwise(verdict);
  if (const auto tracer = tracer_of(request, oracle, compiler))
    verdict.observed =
        check(verdict, *tracer, plan_cases(verdict.function, oracle, Level::quick, facts_of(request.call), deadline), deadline)
            .observed;
  return verdict;
}

}  // namespace ak::port
