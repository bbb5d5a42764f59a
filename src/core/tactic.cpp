#include "core/tactic.hpp"

#include <fmt/format.h>

#include <charconv>
#include <span>
#include <vector>

#include "ak/types.hpp"
#include "base/text.hpp"

namespace ak {
namespace {

constexpr std::string_view kFamilyNames[kFamilyCount] = {
    "vendor",
#define AK_FAMILY(name) #name,
#include "core/families.def"
#undef AK_FAMILY
};
constexpr std::string_view kScheduleNames[] = {"basic", "cooperative", "pingpong"};

[[noreturn]] void bad_tactic(std::string_view token, std::string_view why) {
  throw Error(ErrorCode::invalid_argument, fmt::format("tactic: '{}': {}", token, why));
}

std::int16_t parse_value(const Knob& knob, std::string_view value, std::string_view token) {
  if (knob.member == &Tactic::schedule)
    for (std::int16_t i = 0; i < 3; ++i)
      if (kScheduleNames[i] == value) return i;
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) bad_tactic(token, "expected a number");
  if (number >= 0 && number <= most_of(knob)) return static_cast<std::int16_t>(number);
  bad_tactic(token, knob.member == &Tactic::schedule ? "expected basic, cooperative or pingpong" : "out of range");
}

}  // namespace

std::string_view name(FamilyId family) { return kFamilyNames[static_cast<int>(family)]; }

std::optional<FamilyId> parse_family(std::string_view text) {
  for (int i = 0; i < kFamilyCount; ++i)
    if (kFamilyNames[i] == text) return static_cast<FamilyId>(i);
  return std::nullopt;
}

const Knob* find_knob(std::string_view name) {
  for (const Knob& knob : kKnobs)
    if (knob.name == name) return &knob;
  return nullptr;
}

std::optional<std::string> foreign_knobs(const Tactic& tactic) {
  std::vector<std::string_view> foreign;
  for (const Knob& knob : kKnobs)
    if (!(knob.families & bit(tactic.family)) && tactic.*knob.member != knob.unset) foreign.push_back(knob.name);
  if (foreign.empty()) return std::nullopt;
  return fmt::format("{} has no knob {}", name(tactic.family), fmt::join(foreign, ", "));
}

std::string to_string(const Tactic& tactic) {
  std::string text(name(tactic.family));
  for (const Knob& knob : kKnobs) {
    const std::int16_t value = tactic.*knob.member;
    if (value == knob.unset) continue;
    if (knob.member == &Tactic::schedule)
      text += fmt::format(" schedule={}", kScheduleNames[value]);
    else
      text += fmt::format(" {}={}", knob.name, value);
  }
  return text;
}

Tactic parse_tactic(std::string_view text) {
  const auto tokens = words(text);
  if (tokens.empty()) bad_tactic(text, "expected a family first");
  const auto family = parse_family(tokens[0]);
  if (!family) bad_tactic(tokens[0], fmt::format("not a kernel family ({})", fmt::join(kFamilyNames, ", ")));
  Tactic tactic;
  tactic.family = *family;
  for (const std::string_view token : std::span(tokens).subspan(1)) {
    const auto equals = token.find('=');
    if (equals == token.npos) bad_tactic(token, "expected knob=value");
    const Knob* knob = find_knob(token.substr(0, equals));
    if (!knob) bad_tactic(token, "no such knob");
    tactic.*knob->member = parse_value(*knob, token.substr(equals + 1), token);
  }
  return tactic;
}

std::uint64_t hash(const Tactic& tactic) {
  std::uint64_t h = static_cast<std::uint64_t>(tactic.family) + 1;
  for (const Knob& knob : kKnobs) {
    if (!knob.in_hash && tactic.*knob.member == knob.unset) continue;
    h ^= static_cast<std::uint64_t>(static_cast<std::uint16_t>(tactic.*knob.member));
    h *= 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
  }
  return h;
}

}  // namespace ak
