#include "runner/vendor_survey.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace ak {
namespace {

constexpr double kCoarseGraphUs = 60, kFineGraphUs = 400;
constexpr int kCoarseRounds = 2, kFineRounds = 5;
constexpr std::size_t kLeaders = 3;     // of each kind, timed together
constexpr std::size_t kLeastRight = 2;  // of them, at least, such as may serve
constexpr double kClearlyLong = 1000;   // us; of such a launch a single one tells enough
constexpr double kPatience = 2;         // seconds for one launch, whatever the deadline but for a stop
constexpr double kOutOfReach = 1.6;     // a single launch this much slower than the best so far is not timed again

constexpr auto by_time = [](const auto* x, const auto* y) { return x->us < y->us; };

}  // namespace

VendorSurvey::VendorSurvey(Testbed& bed, Stopwatch& stopwatch, const RotatingSets& sets)
    : bed_(bed), stopwatch_(stopwatch), sets_(sets) {}

Problem VendorSurvey::whole_of(Problem problem) const {
  problem.m = bed_.whole.m;
  return problem;
}

// The whole's algorithm of that rank over the panel; null where cuBLASLt does not take it there. Throws as VendorPlan::of_rank.
std::shared_ptr<const VendorPlan> VendorSurvey::of_rank(const Tactic& tactic) {
  const auto plan = VendorPlan::of_rank(bed_.resources, bed_.whole, tactic, &bed_.scratch);
  if (bed_.problem == bed_.whole) return plan;
  return VendorPlan::of_blob(bed_.resources, bed_.problem, tactic, plan->blob(), nullptr, &bed_.scratch);
}

// All heuristics of a kind with a coarse time each, in their own order; us 0: failed or out of reach.
std::vector<VendorSurvey::Entry> VendorSurvey::candidates(const Problem& problem, VendorKind kind, Deadline deadline) {
  std::vector<Entry> entries;
  const auto algos = vendor_heuristics(bed_.resources, whole_of(problem), kind);
  for (std::size_t i = 0; i < algos.size(); ++i)
    entries.push_back({std::make_shared<VendorPlan>(bed_.resources, problem, vendor_tactic(static_cast<int>(i), kind), algos[i],
                                                    &bed_.scratch),
                       0, !algos[i].reduced});
  double best = 0;
  std::vector<Entry*> near;
  for (Entry& entry : entries) {
    if (best > 0 && deadline.passed()) break;  // cuBLASLt names the likeliest first
    try {
      const double us = stopwatch_.estimate(launch_of(*entry.plan, sets_), 1, Deadline::in(kPatience, deadline.stop()));
      if (best == 0 || us < best) best = us;
      if (us >= kOutOfReach * best + 5) continue;
      entry.us = us;
      if (us < kClearlyLong) near.push_back(&entry);
    } catch (const Error& error) {
      log(LogLevel::info, "cuBLASLt heuristic {} failed: {}", to_string(entry.plan->tactic()), error.what());
      entry.lacking = error.code() == ErrorCode::out_of_memory;
    }
  }
  if (near.size() > 1 && !deadline.passed()) time(near, kCoarseGraphUs, kCoarseRounds, deadline);
  std::erase_if(entries, [](const Entry& entry) { return entry.lacking; });
  return entries;
}

void VendorSurvey::time(std::vector<Entry*> entries, double graph_us, int rounds, Deadline deadline) {
  const Deadline patient = deadline.later(kPatience);
  std::vector<Arm> arms;
  for (const Entry* entry : entries)
    arms.push_back(stopwatch_.arm(launch_of(*entry->plan, sets_), graph_us, entry->us, patient));
  const Window window = stopwatch_.window(pointers_to(arms), rounds, patient);
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i]->us = window.typical(i);
}

void VendorSurvey::run(Deadline deadline) {
  std::string why;
  if (!vendor_available(&why)) {
    log(LogLevel::warn, "no vendor baseline: {}", why);
    return;
  }
  const Field field = collect(deadline);
  std::vector<Entry*> all = field.best_gemms;
  if (field.best_fused != field.best_gemms) all.insert(all.end(), field.best_fused.begin(), field.best_fused.end());
  all.insert(all.end(), field.best_separate.begin(), field.best_separate.end());
  if (all.empty()) return;
  for (Entry* entry : all)
    if (entry->us == 0)
      entry->us = stopwatch_.estimate(launch_of(*entry->plan, sets_), 1, Deadline::in(kPatience, deadline.stop()));
  time(all, kFineGraphUs, kFineRounds, deadline);
  decide(field);
}

std::vector<VendorSurvey::Entry*> VendorSurvey::leaders_of(std::vector<Entry>& entries) {
  std::vector<Entry*> timed;
  for (Entry& entry : entries)
    if (entry.us > 0) timed.push_back(&entry);
  std::sort(timed.begin(), timed.end(), by_time);
  std::size_t right = 0, place = 0;
  std::erase_if(timed, [&](const Entry* entry) {
    const bool stays = place++ < kLeaders || (entry->right && right < kLeastRight);
    right += stays && entry->right;
    return !stays;
  });
  return timed;
}

VendorSurvey::Field VendorSurvey::collect(Deadline deadline) {
  const EpilogueSpec& e = bed_.problem.epilogue;
  Problem plain = bed_.problem;
  plain.epilogue = {};
  plain.epilogue.out = e.out, plain.epilogue.has_c = e.has_c, plain.epilogue.unit_alpha = e.unit_alpha;

  Field field;
  // A gated problem's product is wider than its D, where a bare one would be written: it is timed with its pass only.
  if (!e.gated) field.gemms = candidates(plain, VendorKind::fused, deadline);
  field.best_gemms = leaders_of(field.gemms);
  if (!field.gemms.empty() && std::ranges::find(field.best_gemms, &field.gemms[0]) == field.best_gemms.end())
    field.best_gemms.push_back(&field.gemms[0]);
  if (plain == bed_.problem) {
    field.best_fused = field.best_gemms;
  } else if (vendor_offers(bed_.problem, VendorKind::fused)) {
    field.fused = candidates(bed_.problem, VendorKind::fused, deadline);
    field.best_fused = leaders_of(field.fused);
  }
  for (const VendorKind kind : {VendorKind::separate, VendorKind::two_products}) {
    if (!vendor_offers(bed_.problem, kind)) continue;
    std::vector<Entry>& entries = kind == VendorKind::separate ? field.separate : field.two_products;
    if (vendor_product(bed_.whole, kind) == whole_of(plain)) {
      // A plain product and our pass, so the ranks agree and the best products give the best sums.
      for (const Entry* gemm : field.best_gemms)
        if (auto plan = of_rank(vendor_tactic(gemm->plan->tactic().algo, kind)))
          entries.push_back({std::move(plan), 0, gemm->right});
      for (Entry& entry : entries) field.best_separate.push_back(&entry);
    } else {
      entries = candidates(bed_.problem, kind, deadline);
      for (Entry* entry : leaders_of(entries)) field.best_separate.push_back(entry);
    }
  }
  return field;
}

// What the times of the leaders say: the baseline, its arms, who may serve.
void VendorSurvey::decide(const Field& field) {
  const auto least = [](const std::vector<Entry*>& entries) -> const Entry* {
    const auto it = std::min_element(entries.begin(), entries.end(), by_time);
    return it == entries.end() ? nullptr : *it;
  };
  if (const Entry* best = least(field.best_gemms)) times_.gemm_us = best->us, arms_.gemm = best->plan;
  if (!field.gemms.empty()) times_.first_us = field.gemms[0].us, arms_.first = field.gemms[0].plan;
  if (const Entry* best = least(field.best_fused)) times_.fused_us = best->us, arms_.fused = best->plan;
  for (const Entry& entry : field.separate.empty() ? field.two_products : field.separate)
    if (entry.plan->tactic().algo == 0 && entry.us > 0) times_.separate_us = entry.us, arms_.separate_first = entry.plan;
  if (bed_.problem.epilogue.gated) times_.first_us = times_.separate_us, arms_.first = arms_.separate_first;
  if (const Entry* best = least(field.best_separate)) arms_.separate = best->plan;

  std::vector<Entry*> serving = field.best_fused;
  serving.insert(serving.end(), field.best_separate.begin(), field.best_separate.end());
  std::sort(serving.begin(), serving.end(), by_time);
  if (serving.empty()) return;
  times_.best_us = serving[0]->us;
  for (const Entry* entry : serving) {
    plans_.push_back(entry->plan);
    if (!entry->right) continue;
    if (!anchor_) anchor_ = entry->plan, anchor_us_ = entry->us;
    if (leaders_.size() < 4) leaders_.push_back(entry->plan->tactic());
  }
}

PlanPtr VendorSurvey::plan(const Tactic& tactic) {
  for (const PlanPtr& plan : plans_)
    if (plan->tactic() == tactic) return plan;
  try {
    PlanPtr plan = of_rank(tactic);
    if (plan) plans_.push_back(plan);
    return plan;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::driver) throw;
    return nullptr;
  }
}

}  // namespace ak
