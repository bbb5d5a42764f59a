#include "runner/trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/log.hpp"
#include "base/profile.hpp"
#include "families/family.hpp"
#include "jit/compile_pool.hpp"
#include "jit/source.hpp"

namespace ak {
namespace {

constexpr double kWholePatience = 1;  // seconds

}  // namespace

struct Trials::Impl {
  struct Candidate {
    std::optional<Source> source;
    Digest kernel;                           // what the quarantine knows it by
    std::optional<std::string> quarantined;  // why
    std::shared_ptr<const Compiled> compiled;
    bool loaded = false;
    bool quick = false, full = false;  // proven
    bool whole = false;                // and over all rows, where those proofs are of a panel
  };

  Impl(const Problem& problem, std::string arch, const Allowance& allowance, Prover& prover, Timer& timer, Rules rules)
      : problem(problem),
        panel(rules.panel ? *rules.panel : problem),
        rules(std::move(rules)),
        prover(prover),
        timer(timer),
        arch(std::move(arch)),
        pool(this->arch, allowance, start_thread, this->rules.compiled, *this->rules.compiler) {}

  // Runs `body` with what it may throw turned into the trial's outcome.
  template <class Body>
  Trial guarded(const Tactic& tactic, Body&& body) {
    Trial trial;
    trial.tactic = tactic;
    trial.outcome = Outcome::runtime;
    try {
      body(trial);
      trial.outcome = Outcome::correct;
    } catch (const Failed& failed) {
      if (failed.harms) shut_away(tactic, failed.why);
      trial.outcome = failed.outcome, trial.why = failed.why;
    } catch (const TimedOut&) {
      trial.outcome = Outcome::timeout, trial.why = "did not end in time";
    } catch (const Error& error) {
      // A lack of memory passes, as a lack of time does: it says nothing of the kernel.
      if (error.code() == ErrorCode::out_of_memory) trial.outcome = Outcome::timeout;
      trial.why = error.what();
    }
    if (!trial.correct()) trial.us = trial.ratio = 0;
    return trial;
  }

  std::optional<std::string> refusal(const Tactic& tactic) const {
    return rules.refuses ? rules.refuses(tactic) : std::nullopt;
  }

  // A fault in this process is not among what is known: it may be the application's own.
  void shut_away(const Tactic& tactic, const std::string& why) {
    const auto it = candidates.find(tactic);
    if (it == candidates.end() || !it->second.source || it->second.quarantined) return;
    it->second.quarantined = why;
    log(LogLevel::warn, "{}: {} is never launched again: {}", to_string(problem), to_string(tactic), why);
    if (rules.quarantine) rules.quarantine->add(it->second.kernel, why);
  }

  // Its text, and what is known against it.
  Candidate& known(const Tactic& tactic) {
    Candidate& candidate = candidates[tactic];
    if (!candidate.source) {
      const auto files = family(tactic.family).sources();
      candidate.source.emplace(rules.source ? rules.source(tactic) : make_source(files, problem, tactic, rules.folder));
      candidate.kernel = rules.source ? candidate.source->digest : kernel_digest(files, problem, tactic, arch, rules.folder);
      if (rules.quarantine) candidate.quarantined = rules.quarantine->why(candidate.kernel);
    }
    return candidate;
  }

  // Compiled, and by the compiler's report fit to be launched.
  Candidate& compiled(const Tactic& tactic, Deadline deadline, Trial& trial) {
    if (is_vendor(tactic)) return candidates[tactic];
    if (const auto why = refusal(tactic)) throw Failed{Outcome::constraints, *why};
    Candidate* candidate = nullptr;
    try {
      candidate = &known(tactic);
      if (candidate->quarantined) throw Failed{Outcome::constraints, "in quarantine: " + *candidate->quarantined};
      if (!candidate->compiled) candidate->compiled = pool.get(*candidate->source, deadline);
    } catch (const Error& error) {  // no source, or no compiler
      if (error.code() == ErrorCode::out_of_memory) throw;
      throw Failed{Outcome::compile, error.what()};
    }
    if (!candidate->compiled) throw Failed{Outcome::timeout, "not compiled in time"};
    const Compiled& report = *candidate->compiled;
    trial.registers = report.registers, trial.spill_bytes = report.spill_bytes, trial.compile_s = report.seconds;
    if (!report.failure.empty()) throw Failed{Outcome::compile, report.failure};
    if (!rules.reported) return *candidate;
    if (report.spill_bytes > 0) throw Failed{Outcome::spills, fmt::format("spills {} bytes", report.spill_bytes)};
    if (report.degraded) throw Failed{Outcome::compile, "the assembler serialised wgmma or ignored setmaxnreg"};
    return *candidate;
  }

  // Compiling is not part of it: others use the GPU meanwhile.
  std::shared_ptr<void> turn(Deadline deadline) const { return rules.turn ? rules.turn(deadline) : nullptr; }

  static Kernel kernel_of(const Tactic& tactic, const Candidate& candidate) {
    return {tactic, candidate.compiled ? std::string_view(candidate.compiled->cubin) : std::string_view()};
  }

  Candidate& load(const Tactic& tactic, Candidate& candidate, Deadline deadline, Trial& trial) {
    timer.load(kernel_of(tactic, candidate), trial, deadline);
    candidate.loaded = true;
    return candidate;
  }

  void prove(const Tactic& tactic, Candidate& candidate, Effort effort, Deadline deadline) {
    for (const Effort step : {Effort::quick, Effort::full}) {
      bool& done = step == Effort::quick ? candidate.quick : candidate.full;
      if (done || step > effort) continue;
      const ProfileRange range("proof {} of {}", to_string(tactic), to_string(problem));
      worst = std::max(worst, prover.prove(kernel_of(tactic, candidate), step, deadline).error);
      done = true;
    }
  }

  // Last, and with time of its own: a launch over all rows may take longer than all of the panel's.
  void prove_whole(const Tactic& tactic, Candidate& candidate, Deadline deadline) {
    if (panel == problem || is_vendor(tactic) || candidate.whole) return;
    const Deadline patient = deadline.later(kWholePatience);
    const Proven proven = prover.prove_whole(kernel_of(tactic, candidate), patient);
    worst = std::max(worst, proven.error);
    candidate.whole = proven.whole;
  }

  const Problem problem, panel;
  const Rules rules;
  Prover& prover;
  Timer& timer;
  const std::string arch;
  CompilePool pool;
  std::unordered_map<Tactic, Candidate, TacticHash> candidates;
  double worst = 0;
};

Trials::Trials(const Problem& problem, std::string arch, const Allowance& allowance, Prover& prover, Timer& timer, Rules rules)
    : impl_(std::make_unique<Impl>(problem, std::move(arch), allowance, prover, timer, std::move(rules))) {}

Trials::~Trials() = default;

void Trials::prefetch(std::span<const Tactic> tactics) {
  for (const Tactic& tactic : tactics) {
    if (is_vendor(tactic) || impl_->refusal(tactic)) continue;
    try {
      const Impl::Candidate& candidate = impl_->known(tactic);
      if (!candidate.quarantined) impl_->pool.want(*candidate.source);
    } catch (const Error&) {  // no source: run() says why
    }
  }
}

void Trials::know(const Tactic& tactic, const std::string& cubin) {
  if (is_vendor(tactic) || impl_->refusal(tactic)) return;
  try {
    impl_->pool.put(*impl_->known(tactic).source, cubin);
  } catch (const Error&) {  // no source: run() says why
  }
}

void Trials::drop_prefetched() { impl_->pool.drop_waiting(); }

bool Trials::ready(const Tactic& tactic) {
  if (is_vendor(tactic)) return true;
  const auto it = impl_->candidates.find(tactic);
  if (it != impl_->candidates.end() && it->second.source)
    return it->second.quarantined || impl_->pool.ready(it->second.source->digest);
  return impl_->refusal(tactic).has_value();
}

Trial Trials::run(const Tactic& tactic, Effort effort, Deadline deadline) {
  const ProfileRange range("trial {} of {}", to_string(tactic), to_string(impl_->problem));
  return impl_->guarded(tactic, [&](Trial& trial) {
    Impl::Candidate& candidate = impl_->compiled(tactic, deadline, trial);
    const auto turn = impl_->turn(deadline);
    impl_->load(tactic, candidate, deadline, trial);
    impl_->prove(tactic, candidate, effort, deadline);
    impl_->timer.time(Impl::kernel_of(tactic, candidate), effort, trial, deadline);
    if (effort == Effort::full) impl_->prove_whole(tactic, candidate, deadline);
  });
}

Trial Trials::verify(const Tactic& tactic, Effort effort, Deadline deadline, double* error) {
  const ProfileRange range("trial {} of {}", to_string(tactic), to_string(impl_->problem));
  impl_->worst = 0;
  Trial trial = impl_->guarded(tactic, [&](Trial& t) {
    Impl::Candidate& candidate = impl_->compiled(tactic, deadline, t);
    const auto turn = impl_->turn(deadline);
    impl_->load(tactic, candidate, deadline, t);
    impl_->prove(tactic, candidate, effort, deadline);
    if (effort == Effort::full) impl_->prove_whole(tactic, candidate, deadline);
  });
  if (error) *error = impl_->worst;
  return trial;
}

std::vector<Trial> Trials::finals(std::span<const Tactic> tactics, Deadline deadline) {
  std::vector<Trial> trials;
  const auto turn = impl_->turn(deadline);  // all of them are compiled
  // Those that no longer run drop out; the others are timed together.
  for (const Tactic& tactic : tactics)
    trials.push_back(impl_->guarded(
        tactic, [&](Trial& trial) { impl_->load(tactic, impl_->compiled(tactic, deadline, trial), deadline, trial); }));
  std::vector<Kernel> kernels;
  std::vector<Trial*> timed;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (!trials[i].correct()) continue;
    kernels.push_back(Impl::kernel_of(tactics[i], impl_->candidates.at(tactics[i])));
    timed.push_back(&trials[i]);
  }
  if (kernels.empty()) return trials;
  const Trial window = impl_->guarded(tactics.front(), [&](Trial&) { impl_->timer.time_finals(kernels, timed, deadline); });
  if (!window.correct())
    for (Trial* trial : timed) trial->outcome = window.outcome, trial->why = window.why;
  return trials;
}

std::vector<Tactic> Trials::vendor_tactics(Deadline deadline) {
  std::vector<Tactic> tactics;
  Tactic vendor;
  vendor.family = FamilyId::vendor;
  const Trial trial = impl_->guarded(vendor, [&](Trial&) {
    const auto turn = impl_->turn(deadline);
    tactics = impl_->timer.vendor_tactics(deadline);
  });
  if (!trial.correct() && !deadline.stopped()) warn_once("cuBLASLt's candidates could not be timed: " + trial.why);
  return tactics;
}

Artifact Trials::artifact(const Tactic& tactic) {
  const auto it = impl_->candidates.find(tactic);
  if (it == impl_->candidates.end() || !it->second.loaded)
    throw Error(ErrorCode::internal, fmt::format("'{}' has not run correctly", to_string(tactic)));
  if (is_vendor(tactic)) return {{}, impl_->timer.vendor_algo(tactic)};
  return {it->second.compiled->cubin, {}};
}

std::string Trials::extent(const Tactic& tactic) const {
  const std::int64_t rows = impl_->panel.m, all = impl_->problem.m;
  if (rows == all) return {};
  const auto it = impl_->candidates.find(tactic);
  const bool whole = it != impl_->candidates.end() && it->second.whole;
  return fmt::format("on panels of {} of {} rows{}", rows, all,
                     is_vendor(tactic) ? ""
                     : whole           ? ", and launched whole"
                                       : ", never launched whole");
}

VendorTimes Trials::vendor() { return impl_->timer.vendor(); }
int Trials::compiles() const { return impl_->pool.compiles(); }
double Trials::anchor_drift() { return impl_->timer.drift(); }

}  // namespace ak
