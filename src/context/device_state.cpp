#include "context/device_state.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/bucket.hpp"

namespace ak {
namespace {

constexpr double kFirstRetry = 1, kLastRetry = 60;  // seconds

std::optional<Served> of(const PerProblem<Served>& all, const Problem& problem) {
  const auto at = all.find(problem);
  return at == all.end() ? std::nullopt : std::optional(at->second);
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

std::vector<Problem> DeviceState::waiting(const Problem& problem, const TokenRange& bucket) {
  const std::lock_guard lock(mutex_);
  std::vector<Problem> all;
  for (const auto& [each, served] : interims_)
    if (each.m != problem.m && bucket.holds(each.m) && with_tokens(each, problem.m) == problem && !lasting_.contains(each))
      all.push_back(each);
  return all;
}

void DeviceState::ask_again(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  if (const auto at = retries_.find(problem); at != retries_.end()) at->second.at = now_();
}

void DeviceState::withdraw(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  for (auto* const all : {&lasting_, &interims_})
    if (const auto at = all->find(problem); at != all->end()) {
      retired_.push_back(at->second.plan);
      all->erase(at);
    }
}

Served DeviceState::keep(const Problem& problem, Served served) {
  const std::lock_guard lock(mutex_);
  const bool withdrawn = table.find(problem) && !lasting_.contains(problem);
  if (served.plan && (served.standing == Standing::lasting || withdrawn)) {
    const auto before = of(lasting_, problem), meanwhile = of(interims_, problem);
    if (before && before->plan && before->record == served.record && before->source == served.source) return *before;
    if (withdrawn || before || meanwhile) ++changes_[problem], all_changes_.fetch_add(1, std::memory_order_relaxed);
    table.publish(problem, served.plan);
  }
  if (served.standing == Standing::passing) {
    Retry& retry = retries_[problem];
    retry.wait_s = std::clamp(2 * retry.wait_s, kFirstRetry, kLastRetry);
    retry.at = now_() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(retry.wait_s));
    ++retry.times;
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
