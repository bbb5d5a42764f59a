#include "llm/prompt.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/text.hpp"
#include "core/activation.hpp"
#include "core/roofline.hpp"

namespace ak {
namespace {

constexpr std::string_view kSystem =
    "You tune one GPU kernel: D = act(alpha * A.B + bias + beta * C), f32 accumulation. You propose kernel configurations; "
    "each is "
    "compiled, verified and timed, and only measured time counts. You see a typed space of knobs, derived numbers and, after "
    "the first "
    "round, measurements. A cost model and a local search already try the obvious leaders, so add what they would miss. "
    "Reason from the numbers: idle slots in the last wave, bytes fetched per multiply-add, pipeline depth against shared "
    "memory, "
    "registers, the epilogue's share of the time. Answer with JSON only.";

std::string knob_value(const Knob& knob, std::int16_t value) {
  if (knob.member != &Tactic::schedule) return fmt::format("{}", value);
  Tactic t;
  t.schedule = value;
  const std::string text = to_string(t);
  const auto equals = text.find('=');
  return equals == text.npos ? "basic" : text.substr(equals + 1);
}

std::string difference(const Tactic& from, const Tactic& to) {
  if (from.family != to.family) return to_string(to);
  std::string text;
  for (const Knob& knob : kKnobs)
    if (from.*knob.member != to.*knob.member)
      text += fmt::format("{}{} {}->{}", text.empty() ? "" : ", ", knob.name, knob_value(knob, from.*knob.member),
                          knob_value(knob, to.*knob.member));
  return text;
}

// The last trial of each own tactic, in the order of their first trials.
std::vector<const Trial*> standing(std::span<const Trial> history) {
  std::vector<const Trial*> order;
  std::unordered_map<Tactic, std::size_t, TacticHash> place;
  for (const Trial& trial : history) {
    if (is_vendor(trial.tactic)) continue;
    const auto [it, fresh] = place.emplace(trial.tactic, order.size());
    if (fresh)
      order.push_back(&trial);
    else
      order[it->second] = &trial;
  }
  return order;
}

class Writer {
 public:
  Writer(const PromptFacts& facts, int scale) : facts_(facts), scale_(scale) {}

  std::string text() {
    device();
    problem();
    space();
    derived(
        "Cost model's leaders, not measured (predicted us; tiles; waves; idle % of slots; smem KiB; accumulators % of "
        "registers):",
        facts_.candidates, 10);
    measurements();
    request();
    return std::move(text_);
  }

 private:
  std::size_t most(std::size_t count) const { return std::max<std::size_t>(1, count >> scale_); }

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  void device() {
    const DeviceFacts& d = facts_.device;
    line(
        "DEVICE {}: compute {}.{}, {} SMs at {:.3g} GHz, shared memory {} B per CTA and {} B per SM, {} registers per SM, L2 "
        "{:.3g} MiB, memory {:.3g} TB/s",
        one_line(d.name, 64), d.compute_major, d.compute_minor, d.sm_count, d.clock_ghz, d.smem_per_block, d.smem_per_sm,
        d.registers_per_sm, static_cast<double>(d.l2_bytes) / (1 << 20), d.memory_tb_s);
  }

  void problem() {
    const Problem& p = facts_.problem;
    const Roofline roof = roofline(p, facts_.device);
    line("PROBLEM {}", to_string(p));
    line("m={} n={} k={}, inputs {}, output {}, activation {}; {:.4g} GFLOP, {:.4g} MB, {:.4g} FLOP per byte", p.m, p.n, p.k,
         name(p.in), name(p.epilogue.out), name(p.epilogue.activation), p.flops() / 1e9, p.bytes() / 1e6,
         p.bytes() > 0 ? p.flops() / p.bytes() : 0.0);
    const EpilogueSpec& e = p.epilogue;
    if (e.gated) line("gated: gate and up are two {}x{}x{} products of one A, D = act(gate) * up in one kernel", p.m, p.n, p.k);
    if (e.aux) line("aux: the pre-activation, {}x{}, is stored beside D", p.m, p.wide_n());
    line("ROOFLINE tensor {:.4g} us, memory {:.4g} us: bound by {}, floor {:.4g} us", roof.tensor_us, roof.memory_us,
         roof.tensor_bound() ? "tensor cores" : "memory", roof.floor_us());
    if (facts_.vendor_us > 0)
      line("VENDOR cuBLASLt's best: {:.4g} us, {:.3g}x the floor. Beat it.", facts_.vendor_us,
           facts_.vendor_us / std::max(1e-9, roof.floor_us()));
  }

  void space() {
    text_ += "\nSPACE\n";
    for (const FamilySpace& family : facts_.families) {
      line("family {} ({} legal combinations):", name(family.family), family.tactics);
      for (const KnobValues& values : family.knobs) {
        std::vector<std::string> words;
        for (const std::int16_t value : values.values) words.push_back(knob_value(*values.knob, value));
        line("  {}: {}", values.knob->name, fmt::join(words, " "));
      }
      for (std::size_t i = 0; i < family.rules.size() && i < most(12); ++i)
        line("  refused: {}", one_line(family.rules[i], 150));
    }
    for (const auto& refusal : facts_.refusals) line("not available, {}", one_line(refusal, 150));
    text_ += "Knobs:";
    for (const Knob& knob : kKnobs)
      if (used(knob.name)) fmt::format_to(std::back_inserter(text_), " {} = {};", knob.name, knob.meaning);
    text_ += '\n';
  }

  bool used(std::string_view knob) const {
    return std::any_of(facts_.families.begin(), facts_.families.end(), [&](const FamilySpace& family) {
      return std::any_of(family.knobs.begin(), family.knobs.end(), [&](const KnobValues& v) { return v.knob->name == knob; });
    });
  }

  void derived(std::string_view title, const std::vector<DerivedNumbers>& list, std::size_t count) {
    if (list.empty()) return;
    line("\n{}", title);
    for (std::size_t i = 0; i < list.size() && i < most(count); ++i) {
      const DerivedNumbers& d = list[i];
      line("  {}: {:.4g} us; {}; {:.3g}; {:.0f}%; {:.0f}; {:.0f}%", to_string(d.tactic), d.predicted_us, d.tiles, d.waves,
           d.tail_percent, d.smem_bytes / 1024.0, d.accumulator_percent);
    }
  }

  void measurements() {
    std::vector<const Trial*> correct, failed;
    for (const Trial* trial : standing(facts_.history)) (trial->correct() && trial->us > 0 ? correct : failed).push_back(trial);
    if (correct.empty() && failed.empty()) return;
    std::stable_sort(correct.begin(), correct.end(), [](const Trial* a, const Trial* b) { return a->us < b->us; });
    line("\nMEASURED {} tactics tried, {} ran correctly, {} failed", correct.size() + failed.size(), correct.size(),
         failed.size());
    if (!correct.empty()) {
      const Trial& best = *correct.front();
      const double floor = roofline(facts_.problem, facts_.device).floor_us();
      line("best: {}: {:.4g} us, {:.3g}x the floor{}, {} registers, {} B smem", to_string(best.tactic), best.us,
           best.us / std::max(1e-9, floor),
           facts_.vendor_us > 0 ? fmt::format(", {:.3f}x the vendor's speed", facts_.vendor_us / best.us) : "", best.registers,
           best.smem_bytes);
      if (correct.size() > 1) text_ += "others, as changes from the best:\n";
      for (std::size_t i = 1; i < correct.size() && i <= most(12); ++i)
        line("  {:+.1f}%: {}", (correct[i]->us / best.us - 1) * 100, difference(best.tactic, correct[i]->tactic));
      derived("Derived numbers of the fastest measured (same columns):", facts_.measured, 4);
      by_knob(correct);
    }
    failures(failed);
  }

  // For each knob: the best time seen with each of its values, so that dead values are not tried again.
  void by_knob(const std::vector<const Trial*>& correct) {
    text_ += "best us by knob value (trials):\n";
    for (const FamilySpace& family : facts_.families)
      for (const KnobValues& values : family.knobs) {
        std::map<std::int16_t, std::pair<double, int>> seen;
        for (const Trial* trial : correct) {
          if (trial->tactic.family != family.family) continue;
          auto& [us, count] = seen.try_emplace(trial->tactic.*values.knob->member, trial->us, 0).first->second;
          us = std::min(us, trial->us);
          ++count;
        }
        if (seen.size() < 2) continue;
        std::string row = fmt::format("  {} {}:", name(family.family), values.knob->name);
        std::size_t shown = 0;
        for (const auto& [value, best] : seen)
          if (shown++ < most(12))
            row += fmt::format(" {}={:.4g} ({})", knob_value(*values.knob, value), best.first, best.second);
        line("{}", row);
      }
  }

  void failures(const std::vector<const Trial*>& failed) {
    std::map<Outcome, std::pair<int, const Trial*>> classes;
    for (const Trial* trial : failed) {
      auto& [count, example] = classes.try_emplace(trial->outcome, 0, trial).first->second;
      ++count;
    }
    for (const auto& [outcome, entry] : classes)
      line("failed as {}: {}, e.g. {}: {}", name(outcome), entry.first, to_string(entry.second->tactic),
           one_line(entry.second->why, 160));
    // Proposals that fail teach little: after many failures, stay near what works.
    int own = 0, lost = 0;
    for (const Trial& trial : facts_.history)
      if (trial.proposer == "llm") ++own, lost += !trial.correct();
    if (own >= 3 && lost * 3 >= own)
      line("{} of your {} proposals failed: make most of the next ones changes of one or two knobs from a tactic that ran.",
           lost, own);
  }

  void request() {
    const int n = facts_.proposals;
    const int safe = (n * 2 + 2) / 5, bold = n / 5;
    line(
        "\nTASK round {}: propose {} new tactics, most promising first: about {} safe (near the leaders), {} balanced, {} bold "
        "(a different idea). "
        "None that was tried. Knob values outside the lists are allowed where no rule refuses them.",
        facts_.round, n, safe, n - safe - bold, bold);
    line("Reply with one JSON object and nothing else, \"why\" first and at most ten words; a knob left out has its default:");
    line("{}", example().dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  using Json = nlohmann::ordered_json;
  Json example() const {
    Tactic tactic{FamilyId::sm80, 128, 128, 32, 3};
    if (!facts_.candidates.empty()) tactic = facts_.candidates.front().tactic;
    Json item = {{"why", "short reason"}, {"family", name(tactic.family)}};
    for (const Knob& knob : kKnobs) {
      const std::int16_t value = tactic.*knob.member;
      if (value == knob.unset) continue;
      if (knob.member == &Tactic::schedule)
        item[std::string(knob.name)] = knob_value(knob, value);
      else
        item[std::string(knob.name)] = value;
    }
    return {{"proposals", Json::array({item})}};
  }

  const PromptFacts& facts_;
  const int scale_;  // lists are shortened by 2^scale_
  std::string text_;
};

std::string make_schema(const PromptFacts& facts) {
  using Json = nlohmann::ordered_json;
  Json properties = {{"why", {{"type", "string"}}}};
  std::vector<std::string> names, required = {"why", "family"};
  for (const FamilySpace& family : facts.families) names.emplace_back(name(family.family));
  properties["family"] = {{"type", "string"}, {"enum", names}};
  for (const Knob& knob : kKnobs) {
    const bool used = std::any_of(facts.families.begin(), facts.families.end(), [&](const FamilySpace& family) {
      return std::any_of(family.knobs.begin(), family.knobs.end(),
                         [&](const KnobValues& v) { return v.knob->member == knob.member; });
    });
    if (!used) continue;
    required.emplace_back(knob.name);
    if (knob.member == &Tactic::schedule)
      properties[std::string(knob.name)] = {{"type", "string"}, {"enum", {"basic", "cooperative", "pingpong"}}};
    else
      properties[std::string(knob.name)] = {{"type", "integer"}};
  }
  const Json item = {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
  const Json schema = {{"type", "object"},
                       {"properties", {{"proposals", {{"type", "array"}, {"items", item}}}}},
                       {"required", {"proposals"}},
                       {"additionalProperties", false}};
  return schema.dump();
}

}  // namespace

Prompt make_prompt(const PromptFacts& facts) {
  Prompt prompt{std::string(kSystem), {}, facts.families.empty() ? std::string() : make_schema(facts)};
  for (int scale = 0; scale < 5; ++scale) {
    prompt.user = Writer(facts, scale).text();
    if (prompt.system.size() + prompt.user.size() <= kMostPromptBytes) break;
  }
  return prompt;
}

}  // namespace ak
