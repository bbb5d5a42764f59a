#include "base/json_value.hpp"

#include <fmt/format.h>

#include <cmath>

#include "ak/types.hpp"

namespace ak {
namespace {

constexpr std::size_t kMaxItems = 1000000;

}  // namespace

void JsonValue::bad(std::string_view why) const {
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}: {}", *source_, path_.empty() ? "(the whole)" : path_, why));
}

std::string JsonValue::joined(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

JsonValue JsonValue::operator[](std::string_view key) const {
  auto found = find(key);
  if (!found) JsonValue(*source_, element_, joined(key)).bad("missing");
  return *found;
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  simdjson::dom::object object;
  if (element_.get(object)) bad("expected an object");
  simdjson::dom::element element;
  if (object[key].get(element)) return std::nullopt;
  return JsonValue(*source_, element, joined(key));
}

std::string JsonValue::text() const {
  std::string_view out;
  if (element_.get(out)) bad("expected a text");
  return std::string(out);
}

bool JsonValue::boolean() const {
  bool out;
  if (element_.get(out)) bad("expected true or false");
  return out;
}

double JsonValue::number() const {
  double out;
  if (element_.get(out)) bad("expected a number");
  return out;
}

double JsonValue::positive() const {
  const double out = number();
  if (!(out >= 0) || !std::isfinite(out)) bad("expected a number >= 0");
  return out;
}

std::int64_t JsonValue::integer(std::int64_t low, std::int64_t high) const {
  std::int64_t out;
  if (element_.get(out)) bad("expected a whole number");
  if (out < low || out > high) bad(fmt::format("{} is not in {}..{}", out, low, high));
  return out;
}

int JsonValue::count() const { return static_cast<int>(integer(0, 2147483647)); }

void JsonValue::members(const std::function<void(std::string_view, const JsonValue&)>& each) const {
  simdjson::dom::object object;
  if (element_.get(object)) bad("expected an object");
  for (const auto field : object) each(field.key, JsonValue(*source_, field.value, joined(field.key)));
}

void JsonValue::items(const std::function<void(const JsonValue&)>& each) const {
  simdjson::dom::array array;
  if (element_.get(array)) bad("expected a list");
  if (array.size() > kMaxItems) bad("too many items");
  std::size_t i = 0;
  for (const auto item : array) each(JsonValue(*source_, item, fmt::format("{}[{}]", path_, i++)));
}

void read_json(const std::string& source, std::string_view text, const std::function<void(const JsonValue&)>& read) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (const auto error = parser.parse(text.data(), text.size()).get(element))
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: not JSON: {}", source, simdjson::error_message(error)));
  read(JsonValue(source, element));
}

}  // namespace ak
