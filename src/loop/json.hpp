// JSON of values whose fields stand once, in a function that writer and reader both call:
//   template <class V> void fields(V& v, Point& p) { v("x", p.x), v("y", p.y); }
// Enumerations are words: `std::span<const std::string_view> words(Colour)`, in the enumeration's order. Both are found beside
// their types. nlohmann writes, simdjson reads.
#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ak/types.hpp"

namespace ak::loop::json {

constexpr int kDeepest = 200;  // values within each other

/// Empty texts, lists and values stay out, so that trees of terms stay short.
class Writer {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    if constexpr (!std::is_enum_v<T> && !std::is_arithmetic_v<T>)
      if (value == T{}) return;
    json_[name] = json_of(value);
  }
  nlohmann::ordered_json take() { return std::move(json_); }

 private:
  template <class T>
  static nlohmann::ordered_json json_of(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return words(value)[static_cast<int>(value)];
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else if constexpr (requires { value.has_value(); }) {
      return json_of(*value);
    } else if constexpr (requires { typename T::mapped_type; }) {
      auto object = nlohmann::ordered_json::object();
      for (const auto& [name, one] : value) object[name] = json_of(one);
      return object;
    } else if constexpr (requires { value.begin(); }) {
      auto list = nlohmann::ordered_json::array();
      for (const auto& one : value) list.push_back(json_of(one));
      return list;
    } else {
      Writer writer;
      fields(writer, const_cast<T&>(value));  // which reads it here
      return writer.take();
    }
  }
  nlohmann::ordered_json json_ = nlohmann::ordered_json::object();
};

[[noreturn]] inline void fail(const std::string& where, std::string_view what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("{} {}", where, what));
}

using Json = simdjson::dom::element;

class Reader {
 public:
  Reader(Json json, std::string where, int depth) : where_(std::move(where)), depth_(depth) {
    if (json.get(object_)) fail(where_, "is not an object");
    if (depth_ > kDeepest) fail(where_, "is nested too deeply");
  }
  template <class T>
  void operator()(const char* name, T& value) {
    Json found;
    if (object_[name].get(found)) return;
    read(found, value, where_ + "." + name);
  }

 private:
  template <class T>
  void read(Json json, T& value, const std::string& where) {
    if constexpr (std::is_enum_v<T>) {
      std::string_view word;
      if (json.get(word)) fail(where, "is not a word");
      const auto all = words(value);
      const auto at = std::find(all.begin(), all.end(), word);
      if (at == all.end()) fail(where, fmt::format("has no value '{}'", word.substr(0, 40)));
      value = static_cast<T>(at - all.begin());
    } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, double>) {
      if (json.get(value)) fail(where, std::is_same_v<T, bool> ? "is not true or false" : "is not a number");
    } else if constexpr (std::is_integral_v<T>) {
      std::int64_t number = 0;
      if (json.get(number) || number != static_cast<T>(number)) fail(where, "is not an integer that fits");
      value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, std::string>) {
      std::string_view text;
      if (json.get(text)) fail(where, "is not a text");
      value = text;
    } else if constexpr (requires { value.has_value(); }) {
      read(json, value.emplace(), where);
    } else if constexpr (requires { typename T::mapped_type; }) {
      simdjson::dom::object object;
      if (json.get(object)) fail(where, "is not an object");
      for (const auto& [name, one] : object) read(one, value[std::string(name)], fmt::format("{}.{}", where, name));
    } else if constexpr (requires { value.push_back(value[0]); }) {
      simdjson::dom::array list;
      if (json.get(list)) fail(where, "is not a list");
      for (Json one : list) {
        const std::size_t at = value.size();
        read(one, value.emplace_back(), fmt::format("{}[{}]", where, at));
      }
    } else {
      Reader reader(json, where, depth_ + 1);
      fields(reader, value);
    }
  }

  simdjson::dom::object object_;
  std::string where_;
  int depth_;
};

template <class T>
std::string write(const T& value) {
  Writer writer;
  fields(writer, const_cast<T&>(value));
  return writer.take().dump();
}

/// Throws Error{invalid_argument}: "verdict.groups[0].role has no value 'fast'", where `what` is "verdict".
template <class T>
T read(std::string_view text, const std::string& what) {
  simdjson::dom::parser parser;
  Json root;
  if (const auto error = parser.parse(simdjson::padded_string(text)).get(root))
    fail(what, fmt::format("is not JSON: {}", simdjson::error_message(error)));
  T value;
  Reader reader(root, what, 0);
  fields(reader, value);
  return value;
}

}  // namespace ak::loop::json
