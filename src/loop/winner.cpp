#include "loop/winner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "loop/c_tokens.hpp"

namespace ak::loop {

std::string source_key(const std::string& function, std::string_view text, const std::vector<std::string>& flags) {
  Hasher hasher;
  hasher.field("function", function).field("tokens", token_digest(text).hex());
  for (const std::string& flag : flags) hasher.field("flag", flag);
  return fmt::format("{} {}", function, hasher.digest().hex());
}

Digest canonical_digest(const Function& function) {
  Hasher hasher;
  const auto extents = [&](const std::vector<Term>& list) {
    for (const Term& extent : list) hasher.field("extent", c_text(extent));
  };
  hasher.field("returns", name(function.returns));
  for (const Parameter& parameter : function.parameters) {
    hasher.field("parameter", parameter.name).field("type", name(parameter.type));
    hasher.field("kind", parameter.pointer + 2 * parameter.constant + 4 * parameter.implicit + 8 * parameter.length_known +
                             16 * !parameter.length_certain);
    extents(parameter.extents);
  }
  for (const Local& local : function.locals) {
    hasher.field("local", local.name).field("type", name(local.type));
    extents(local.extents);
  }
  return hasher.field("body", c_text(function.body, 0)).digest();
}

std::string text(const CallClass& call) {
  std::string all;
  for (const auto& [name, value] : call.values) all += fmt::format("{}{}={}", all.empty() ? "" : " ", name, value);
  for (const CallClass::Alias& alias : call.aliases)
    all += fmt::format("{}{}={}{:+}", all.empty() ? "" : " ", alias.pointer, alias.base, alias.offset);
  return all;
}

std::string winner_key(const Function& function, const CallClass& call, const std::string& hardware, bool by_llm) {
  const std::string values = text(call);
  return fmt::format("{} {}{}{}{} on {}", function.name, canonical_digest(function).hex(), values.empty() ? "" : " ", values,
                     by_llm ? " by llm" : "", hardware);
}

bool by_llm(const Winner& winner) {
  return std::ranges::any_of(winner.kernels, [](const Candidate& kernel) { return kernel.origin == Origin::llm; });
}

namespace {

void add_scalars(const Term& term, std::set<std::string>& to) {
  for_each(term, [&](const Term& part) {
    if (part.kind == Term::Kind::scalar) to.insert(part.text);
  });
}

void add_subscripts(const Term& term, std::set<std::string>& to) {
  for_each(term, [&](const Term& part) {
    if (part.kind == Term::Kind::element)
      for (const Term& subscript : part.terms) add_scalars(subscript, to);
  });
}

}  // namespace

std::vector<std::string> steering_parameters(const Function& function) {
  std::set<std::string> names;
  for_each_node(function.body, [&](const Node& node) {
    for (const Term* term : {&node.target, &node.value, &node.condition}) add_subscripts(*term, names);
    // An integer local may carry a parameter into a subscript.
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && !is_real(node.target.type))
      add_scalars(node.value, names);
    if (node.kind == Node::Kind::loop) add_scalars(node.begin, names);
  });
  std::vector<std::string> steering;
  for (const Parameter& parameter : function.parameters)
    if (!parameter.pointer && !is_real(parameter.type) && names.count(parameter.name)) steering.push_back(parameter.name);
  return steering;
}

namespace {

std::int64_t iterations(const std::vector<Node>& body, Values& values) {
  std::int64_t sum = 0;
  for (const Node& node : body) {
    if (node.kind == Node::Kind::branch) {
      sum += iterations(node.body, values) + iterations(node.otherwise, values);
      continue;
    }
    if (node.kind != Node::Kind::loop) continue;
    const std::int64_t begin = evaluate(node.begin, values).value_or(0), end = evaluate(node.end, values).value_or(begin);
    const std::int64_t span = node.step > 0 ? end - begin : begin - end, step = std::abs(node.step);
    if (span <= 0 || step == 0) continue;
    const std::int64_t trips = (span + step - 1) / step;
    const auto before = values.find(node.variable);
    const std::optional<std::int64_t> shadowed = before == values.end() ? std::nullopt : std::optional(before->second);
    values[node.variable] = begin + (node.step > 0 ? span / 2 : -span / 2);
    sum += trips * std::max<std::int64_t>(1, iterations(node.body, values));
    if (shadowed)
      values[node.variable] = *shadowed;
    else
      values.erase(node.variable);
  }
  return sum;
}

constexpr char kImages[] = "ak images 1\n";

}  // namespace

std::int64_t size_of_call(const Function& function, const Values& values) {
  Values known = values;
  return iterations(function.body, known);
}

std::string pack_images(const std::vector<std::string>& images) {
  std::string all = kImages;
  for (const std::string& image : images) all += fmt::format("{} {}\n", image.size(), digest(image).hex()) + image;
  return all;
}

std::optional<std::vector<std::string>> unpack_images(std::string_view bytes) {
  if (!bytes.starts_with(kImages)) return std::nullopt;
  bytes.remove_prefix(std::strlen(kImages));
  std::vector<std::string> images;
  while (!bytes.empty()) {
    const auto space = bytes.find(' '), line = bytes.find('\n');
    if (line == bytes.npos || space >= line) return std::nullopt;
    std::uint64_t size = 0;
    for (const char c : bytes.substr(0, space)) {
      if (c < '0' || c > '9' || size > bytes.size()) return std::nullopt;
      size = size * 10 + static_cast<std::uint64_t>(c - '0');
    }
    const std::string_view sum = bytes.substr(space + 1, line - space - 1);
    bytes.remove_prefix(line + 1);
    if (size > bytes.size()) return std::nullopt;
    images.emplace_back(bytes.substr(0, size));
    if (digest(images.back()).hex() != sum) return std::nullopt;
    bytes.remove_prefix(size);
  }
  return images;
}

}  // namespace ak::loop
