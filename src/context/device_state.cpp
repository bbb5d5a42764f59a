#include "context/device_state.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "core/bucket.hpp"

namespace ak {
namespace {

std::optional<Served> of(const PerProblem<Served>& all, const Problem& problem) {
  const auto at = all.find(problem);
  return at == all.end() ? std::nullopt : std::optional(at->second);
}

// The same but for the number of tokens, of the bucket.
bool neighbours(const Problem& a, const Problem& b) {
  return a.m != b.m && bucket_of(a.m).holds(b.m) && with_tokens(b, a.m) == a;
}

bool stands(const Served& served, Request request) {
  if (request.recheck && served.record.provenance.provisional) return false;
  if (request.exact && served.lent) return false;
  return !request.whole || !served.record.bucket.none();
}

}  // namespace

DeviceState::DeviceState(std::unique_ptr<Machine> machine, std::function<Clock::time_point()> now, CUcontext context,
                         std::uint64_t context_id)
    : machine(std::move(machine)), context(context), context_id(context_id), now_(std::move(now)) {}

DeviceState::Known DeviceState::known(const Problem& problem, Request request) {
  if (request.retune) return {};
  const std::lock_guard lock(mutex_);
  if (auto served = of(lasting_, problem); served && stands(*served, request)) return {std::move(served)};
  const auto retry = retries_.find(problem);
  if (retry == retries_.end() || request.recheck) return {};
  if (now_() < retry->second.at) return {of(interims_, problem)};
  return {std::nullopt, retry->second.times};
}

std::optional<Served> DeviceState::find(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  auto served = of(lasting_, problem);
  return served ? served : of(interims_, problem);
}

std::optional<Served> DeviceState::interim(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  return of(interims_, problem);
}

std::uint64_t DeviceState::changes(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  const auto at = changes_.find(problem);
  return at == changes_.end() ? 0 : at->second;
}

std::vector<Problem> DeviceState::waiting(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  std::vector<Problem> all;
  for (const auto& [each, served] : interims_)
    if (neighbours(problem, each) && !lasting_.contains(each)) all.push_back(each);
  return all;
}

std::vector<std::pair<Problem, PlanRecord>> DeviceState::stood_in_for() {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Problem, PlanRecord>> all;
  for (const auto* const each : {&lasting_, &interims_})
    for (const auto& [problem, served] : *each)
      if (served.stands_in && (each == &lasting_ || !lasting_.contains(problem))) all.emplace_back(problem, served.record);
  return all;
}

void DeviceState::ask_again(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  if (const auto at = retries_.find(problem); at != retries_.end()) at->second.at = now_();
}

bool DeviceState::Taken::is(const Problem& asked, const Served& served) const {
  return served.plan && served.plan->tactic() == kernel && (asked == problem || (bucket && neighbours(problem, asked)));
}

std::vector<Problem> DeviceState::withdraw(const Problem& problem, const Tactic& kernel) {
  const std::lock_guard lock(mutex_);
  taken_.push_back({problem, true, kernel});
  std::vector<Problem> others;
  for (auto* const all : {&lasting_, &interims_})
    std::erase_if(*all, [&](const auto& each) {
      const auto& [its, served] = each;
      if (!served.plan || !(served.plan->tactic() == kernel)) return false;
      const bool other = neighbours(problem, its);
      if (!other && !(its == problem)) return false;
      if (other && std::ranges::find(others, its) == others.end()) others.push_back(its);
      withdrawn_.insert_or_assign(its, served.plan);
      if (all == &lasting_) table.withdraw(its);  // an interim is not in it, and another plan may be
      return true;
    });
  return others;
}

bool DeviceState::replace(const Problem& problem, const Tactic& kernel, Served other) {
  const std::lock_guard lock(mutex_);
  auto serves = of(lasting_, problem);
  if (!serves) serves = of(interims_, problem);
  if (!serves || !serves->plan || !(serves->plan->tactic() == kernel)) return false;
  taken_.push_back({problem, false, kernel});
  keep_locked(problem, std::move(other));
  return true;
}

Served DeviceState::keep(const Problem& problem, Served served) {
  const std::lock_guard lock(mutex_);
  return keep_locked(problem, std::move(served));
}

std::optional<Served> DeviceState::keep(const Problem& problem, const std::function<std::optional<Served>()>& make) {
  for (;;) {
    std::unique_lock lock(mutex_);
    const std::size_t before = taken_.size();
    lock.unlock();
    auto served = make();
    if (!served) return std::nullopt;
    lock.lock();
    const auto meanwhile = std::span(taken_).subspan(before);
    if (std::ranges::none_of(meanwhile, [&](const Taken& taken) { return taken.is(problem, *served); }))
      return keep_locked(problem, std::move(*served));
    if (auto instead = of(lasting_, problem)) return instead;
  }
}

Served DeviceState::keep_locked(const Problem& problem, Served served) {
  const auto before = of(lasting_, problem);
  const auto gone = withdrawn_.extract(problem);
  if (gone) retired_.push_back(std::move(gone.mapped()));
  const bool lasts = served.plan && served.standing == Standing::lasting;
  if (lasts && before && before->plan && before->record == served.record && before->source == served.source) return *before;
  if (served.plan && (gone || (lasts && (before || interims_.contains(problem)))))
    ++changes_[problem], all_changes_.fetch_add(1, std::memory_order_relaxed);
  if (lasts) table.publish(problem, served.plan);
  if (served.standing == Standing::passing) {
    retries_[problem].later(now_());
  } else {
    retries_.erase(problem);
  }
  if (served.standing == Standing::lasting) {
    lasting_.insert_or_assign(problem, served);
    return served;
  }
  Served& stays = interims_.try_emplace(problem, served).first->second;
  if (stays.source == served.source && stays.record.tactic == served.record.tactic) {
    stays.note = std::move(served.note);
    stays.standing = served.standing;
  } else {
    retired_.push_back(std::move(stays.plan));
    stays = std::move(served);
  }
  return stays;
}

}  // namespace ak
