#include "llm/reply.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "ak/types.hpp"
#include "base/text.hpp"
#include "llm/thinking.hpp"

namespace ak {
namespace {

namespace dom = simdjson::dom;

constexpr std::int64_t kLargestValue = 4096;  // of any knob: no kernel goes near it, and products of two stay in 32 bits
constexpr std::size_t kMostFields = 32, kMostWhy = 200;

// The next object without an object inside, from `at` on; empty at the end. Quotes count only inside an object: prose has
// feet and inches.
std::string_view next_object(std::string_view text, std::size_t& at) {
  std::size_t open = text.npos;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        in_string = false;
      else if (c == '\n')  // no JSON string spans lines: this object is broken, the next may not be
        in_string = false, open = text.npos;
    } else if (c == '{') {
      open = at;
    } else if (c == '"') {
      in_string = open != text.npos;
    } else if (c == '}' && open != text.npos) {
      return text.substr(open, ++at - open);
    }
  }
  return {};
}

[[noreturn]] void reject(std::string_view key, std::string_view why) {
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}", key, why));
}

// A knob's value as parse_tactic reads it.
std::string value_text(const Knob& knob, dom::element value) {
  std::int64_t whole;
  double real;
  std::string_view word;
  if (value.get(word) == simdjson::SUCCESS) {
    if (knob.member != &Tactic::schedule) reject(knob.name, "expected a whole number");
    if (word.empty() || word.size() > 16 || word.find_first_not_of("abcdefghijklmnopqrstuvwxyz") != word.npos)
      reject(knob.name, "expected basic, cooperative or pingpong");
    return std::string(word);
  }
  if (value.is_double() && value.get(real) == simdjson::SUCCESS && real == std::floor(real) && std::abs(real) <= kLargestValue)
    whole = static_cast<std::int64_t>(real);  // 128.0
  else if (value.is_bool() || value.get(whole) != simdjson::SUCCESS)
    reject(knob.name, "expected a whole number");
  if (whole < knob.unset || whole > kLargestValue)
    reject(knob.name, fmt::format("expected {} to {}", knob.unset, kLargestValue));
  return fmt::format("{}", whole);
}

// Throws Error for an item that is none.
ReplyItem read_item(std::string_view json) {
  if (json.size() > kMostItemText) reject("item", fmt::format("longer than {} bytes", kMostItemText));
  thread_local dom::parser parser;
  dom::object fields;
  if (const auto error = parser.parse(simdjson::padded_string(json)).get(fields))
    reject("JSON", simdjson::error_message(error));
  if (fields.size() > kMostFields) reject("item", "too many fields");
  ReplyItem item;
  std::string family, knobs;
  std::vector<std::string_view> seen;
  for (const auto [key, value] : fields) {
    const Knob* knob = find_knob(key);
    if (!knob && key != "family" && key != "why") continue;
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) reject(key, "given twice");
    seen.push_back(key);
    if (value.is_null()) continue;
    std::string_view text;
    if (knob) {
      if (knob->member == &Tactic::algo || knob->member == &Tactic::separate) continue;  // the vendor's
      knobs += fmt::format(" {}={}", knob->name, value_text(*knob, value));
    } else if (value.get(text) != simdjson::SUCCESS) {
      reject(key, "expected a string");
    } else if (key == "why") {
      item.why = one_line(text, kMostWhy);
    } else {
      family = one_line(text, 32);
    }
  }
  if (family.empty()) reject("family", "missing");
  const auto id = parse_family(family);
  if (!id || *id == FamilyId::vendor) reject("family", fmt::format("'{}' is not an own kernel family", family));
  item.tactic = parse_tactic(family + knobs);
  return item;
}

}  // namespace

LlmReply parse_reply(std::string_view raw, std::size_t most) {
  LlmReply reply;
  if (raw.size() > kMostReplyText) {
    reply.fault = fmt::format("the answer is longer than {} KiB", kMostReplyText >> 10);
    return reply;
  }
  std::string text(without_thinking(raw));
  // Everything we read is ASCII, so a bad byte is worth no more than the word it stands in.
  const bool utf8 = simdjson::validate_utf8(text.data(), text.size());
  for (char& c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || (!utf8 && static_cast<unsigned char>(c) > 0x7e)) c = ' ';

  most = std::min(most, kMostItems);
  std::size_t at = 0, scanned = 0;
  for (std::string_view object; !(object = next_object(text, at)).empty();) {
    if (reply.items.size() == most || ++scanned > kMostScanned) {
      if (++reply.rejections <= static_cast<int>(kMostReasons))
        reply.rejected.push_back(fmt::format("the rest: {} items are enough", reply.items.size()));
      break;
    }
    try {
      ReplyItem item = read_item(object);
      const auto same = [&](const ReplyItem& other) { return other.tactic == item.tactic; };
      if (std::any_of(reply.items.begin(), reply.items.end(), same)) reject(to_string(item.tactic), "named twice");
      reply.items.push_back(std::move(item));
    } catch (const Error& error) {
      if (++reply.rejections <= static_cast<int>(kMostReasons))
        reply.rejected.push_back(fmt::format("item {}: {}", scanned, one_line(error.what(), kMostWhy)));
    }
  }
  if (reply.items.empty())
    reply.fault = reply.rejected.empty() ? "the answer holds no JSON object" : "no valid item; " + reply.rejected.front();
  return reply;
}

}  // namespace ak
