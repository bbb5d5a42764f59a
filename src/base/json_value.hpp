// JSON from outside: every value knows where it stands, so that an error can name the field.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ak {

/// One value of a text that read_json() reads. All throw Error{invalid_argument} "<source>: <field>: <what is wrong>", where a
/// field is a path such as metadata.device.name or results[3].why.
class JsonValue {
 public:
  [[noreturn]] void bad(std::string_view why) const;
  JsonValue operator[](std::string_view key) const;
  /// Nothing where there is no such member.
  std::optional<JsonValue> find(std::string_view key) const;
  std::string text() const;
  bool boolean() const;
  double number() const;
  /// 0 or more, and finite.
  double positive() const;
  std::int64_t integer(std::int64_t low, std::int64_t high) const;
  /// 0 to 2^31 - 1.
  int count() const;
  void members(const std::function<void(std::string_view key, const JsonValue&)>& each) const;
  /// At most a million.
  void items(const std::function<void(const JsonValue&)>& each) const;

 private:
  friend void read_json(const std::string&, std::string_view, const std::function<void(const JsonValue&)>&);
  JsonValue(const std::string& source, simdjson::dom::element element, std::string path = {})
      : source_(&source), element_(element), path_(std::move(path)) {}
  std::string joined(std::string_view key) const;

  const std::string* source_;
  simdjson::dom::element element_;
  std::string path_;
};

/// Calls `read` with the whole, whose values are gone afterwards. source: for errors, "recording x.json".
void read_json(const std::string& source, std::string_view text, const std::function<void(const JsonValue& whole)>& read);

}  // namespace ak
