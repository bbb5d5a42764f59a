#include "cli/port_sizes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <map>

#include "ak/types.hpp"
#include "base/text.hpp"
#include "port/c/macro.hpp"
#include "port/cases/roles.hpp"

namespace ak::cli {

namespace {

constexpr std::size_t kMostCalls = 32;
// Of sizes that nothing was said of, also where several multiply, and of how far loops stay from edges or elements lie apart.
constexpr std::int64_t kSize = 32000, kSizeOfMany = 256, kMargin = 3;

[[noreturn]] void refuse(const std::string& word, const std::string& why) {
  throw Error(ErrorCode::invalid_argument, fmt::format("--size {}: {}", word, why));
}

std::vector<std::int64_t> numbers_of(const std::string& word, std::string_view list) {
  std::vector<std::int64_t> numbers;
  if (list.ends_with(',')) refuse(word, "there is no number behind the last comma");
  for (const std::string_view text : split(list, ',')) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) refuse(word, fmt::format("'{}' is no whole number", text));
    if (!numbers.empty() && value <= numbers.back())
      refuse(word, fmt::format("{} does not rise above {}; the smallest comes first", value, numbers.back()));
    numbers.push_back(value);
  }
  if (numbers.size() > kMostCalls) refuse(word, fmt::format("more than {} numbers", kMostCalls));
  return numbers;
}

/// Whether an integer is nowhere but added in subscripts: how far away an element is, not how many there are.
bool is_offset(const loop::Function& function, const std::string& name) {
  std::size_t all = 0, added = 0;
  loop::for_each_node(function.body, [&](const loop::Node& node) {
    for (const loop::Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end})
      loop::for_each(*term, [&](const loop::Term& part) {
        all += part.kind == loop::Term::Kind::scalar && part.text == name;
        if (part.kind != loop::Term::Kind::element) return;
        for (const loop::Term& subscript : part.terms)
          if (subscript.kind == loop::Term::Kind::binary && subscript.text == "+")
            for (const loop::Term& one : subscript.terms) added += one.kind == loop::Term::Kind::scalar && one.text == name;
      });
  });
  return all > 0 && added == all;
}

}  // namespace

AskedSizes::AskedSizes(const std::vector<std::string>& words) {
  std::vector<std::vector<std::int64_t>> lists;
  std::size_t longest = 1;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    if (equals == word.npos || equals == 0) refuse(word, "NAME=NUMBER or NAME=NUMBER,NUMBER,... is wanted");
    names_.push_back(word.substr(0, equals));
    if (std::find(names_.begin(), names_.end() - 1, names_.back()) != names_.end() - 1)
      refuse(word, fmt::format("{} has numbers already", names_.back()));
    if (equals + 1 == word.size()) refuse(word, "there is no number");
    lists.push_back(numbers_of(word, std::string_view(word).substr(equals + 1)));
    if (lists.back().size() > 1 && longest > 1 && lists.back().size() != longest)
      refuse(word, fmt::format("{} numbers, and another name has {}: as many, or one", lists.back().size(), longest));
    longest = std::max(longest, lists.back().size());
  }
  calls_.resize(longest);
  for (std::size_t i = 0; i < longest; ++i)
    for (std::size_t n = 0; n < names_.size(); ++n) calls_[i][names_[n]] = lists[n][lists[n].size() == 1 ? 0 : i];
}

std::vector<std::string> AskedSizes::parameters(const port::LoopSource& source) const {
  std::vector<std::string> names;
  for (const std::string& name : names_)
    if (!port::with_macro(source, name, 0)) names.push_back(name);
  return names;
}

std::vector<SizedSource> AskedSizes::sources(const port::LoopSource& source) const {
  const std::vector<std::string> parameters = this->parameters(source);
  std::vector<SizedSource> sources;
  for (const loop::Values& call : calls_) {
    SizedSource one{source, {}, {{}}};
    for (const std::string& name : names_) {
      const std::int64_t value = call.at(name);
      if (std::find(parameters.begin(), parameters.end(), name) != parameters.end()) {
        one.calls[0][name] = value;
        continue;
      }
      const std::string text = fmt::format("{}={}", name, value);
      if (value < 0) refuse(text, "a macro that is a size is not negative");
      one.source = *port::with_macro(std::move(one.source), name, value);
      one.macros += (one.macros.empty() ? "" : " ") + text;
    }
    const auto same = std::find_if(sources.begin(), sources.end(), [&](const auto& each) { return each.macros == one.macros; });
    if (same == sources.end())
      sources.push_back(std::move(one));
    else
      same->calls.push_back(std::move(one.calls[0]));
  }
  return sources;
}

std::vector<std::vector<loop::Values>> calls_by_class(const loop::Function& function, const std::vector<std::string>& steering,
                                                      const std::vector<loop::Values>& asked) {
  const port::Roles roles = port::roles_of(function);
  std::vector<std::vector<loop::Values>> classes;
  const auto in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const loop::Values& values : asked) {
    loop::Values call;
    for (const std::string& name : roles.sizes)
      call[name] = in(roles.margins, name) || is_offset(function, name) ? kMargin : roles.depth > 1 ? kSizeOfMany : kSize;
    for (const auto& [name, value] : values)
      if (in(roles.sizes, name) || in(roles.integers, name)) call[name] = value;
    call.merge(port::widths_of(function, roles, call));
    for (const loop::Parameter& parameter : function.parameters) {
      if (parameter.pointer || is_real(parameter.type)) continue;
      const std::string& name = parameter.name;
      const bool size = in(roles.sizes, name);
      const std::string word = fmt::format("{}={}", name, call[name]);
      if (size && call[name] < 0) refuse(word, "a size is not negative");
      if (parameter.type == loop::ScalarType::i32 && call[name] != static_cast<std::int32_t>(call[name]))
        refuse(word, "an int has no such value");
    }
    const auto same = std::find_if(classes.begin(), classes.end(), [&](const auto& each) {
      return std::ranges::all_of(steering, [&](const std::string& name) { return each[0].at(name) == call.at(name); });
    });
    if (same == classes.end())
      classes.push_back({std::move(call)});
    else if (std::find(same->begin(), same->end(), call) == same->end())
      same->push_back(std::move(call));
  }
  return classes;
}

}  // namespace ak::cli
