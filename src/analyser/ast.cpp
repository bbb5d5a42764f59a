#include "analyser/ast.hpp"

#include <algorithm>
#include <charconv>

#include "ak/types.hpp"
#include "base/text.hpp"

namespace ak::analyser {

namespace dom = simdjson::dom;

std::string_view Ast::text(const char* key) const {
  std::string_view found;
  if (!there_ || node_[key].get(found)) return {};
  return found;
}

bool Ast::flag(const char* key) const {
  bool found = false;
  return there_ && !node_[key].get(found) && found;
}

Ast Ast::part(const char* key) const {
  dom::object found;
  if (!there_ || node_[key].get(found)) return {};
  return Ast(found);
}

std::int64_t Ast::number(const char* key) const {
  std::int64_t found = 0;
  return there_ && !node_[key].get(found) ? found : 0;
}

std::vector<Ast> Ast::children() const { return list("inner"); }

std::vector<Ast> Ast::initial_values() const {
  // Of one that is not full, clang names the filler first.
  std::vector<Ast> values = list("array_filler");
  if (!values.empty()) values.erase(values.begin());
  return values.empty() ? children() : values;
}

std::vector<Ast> Ast::list(const char* key) const {
  std::vector<Ast> found;
  dom::array inner;
  if (!there_ || node_[key].get(inner)) return found;
  for (const dom::element child : inner) {
    dom::object node;
    found.push_back(child.get(node) ? Ast() : Ast(node));
  }
  return found;
}

Ast Ast::child(std::size_t i) const {
  const std::vector<Ast> all = children();
  return i < all.size() ? all[i] : Ast();
}

std::string_view Ast::type_text(const char* key) const {
  const Ast type = part(key);
  const std::string_view whole = type.text("desugaredQualType");
  return whole.empty() ? type.text("qualType") : whole;
}

std::size_t Ast::offset(const char* which, const char* key) const {
  std::uint64_t value = 0;
  if (!there_ || node_["range"][which][key].get(value)) return 0;
  return value;
}

Unit::Unit(ParsedText parsed) : text_(std::move(parsed.text)) {
  constexpr std::size_t kDepth = 2048;  // an object and an array for each level of the tree
  dom::object root;
  auto fault = parser_.allocate(parsed.json.size() + 64, kDepth);
  if (!fault) fault = parser_.parse(parsed.json).get(root);
  if (fault == simdjson::DEPTH_ERROR)
    throw Error(ErrorCode::invalid_argument, "the file has something nested more than 1000 deep");
  if (fault)
    throw Error(ErrorCode::invalid_argument,
                std::string("what clang said of the file cannot be read: ") + simdjson::error_message(fault));
  read_markers();
  for (const Ast& node : Ast(root).children()) {
    const std::string name(node.name());
    if (node.is("TypedefDecl")) {
      typedefs_[name] = node.type_text();
    } else if (node.is("VarDecl")) {
      file_scope_.emplace(node.id());
      // The one with an initial value, or else the last.
      if (!variables_.contains(name) || variables_[name].text("init").empty()) variables_[name] = node;
    } else if (node.is("EnumDecl")) {
      std::int64_t next = 0;
      for (const Ast& constant : node.children()) {
        const std::string_view value = constant.child(0).text("value");
        if (!value.empty()) std::from_chars(value.data(), value.data() + value.size(), next);
        enumerators_[std::string(constant.name())] = next++;
      }
    } else if (node.is("FunctionDecl")) {
      const auto parts = node.children();
      if (std::any_of(parts.begin(), parts.end(), [](const Ast& part) { return part.is("CompoundStmt"); }))
        functions_.push_back(node);
    }
  }
}

void Unit::read_markers() {
  // # 12 "file.c" 2
  std::string_view main;
  for (std::size_t at = 0; at < text_.size();) {
    std::size_t end = text_.find('\n', at);
    if (end == text_.npos) end = text_.size();
    const std::string_view line = std::string_view(text_).substr(at, end - at);
    if (line.starts_with("# ")) {
      int number = 0;
      const auto [rest, error] = std::from_chars(line.data() + 2, line.data() + line.size(), number);
      const std::string_view file = trimmed(line.substr(static_cast<std::size_t>(rest - line.data())));
      const std::string_view name = file.substr(0, file.rfind('"') + 1);
      if (main.empty()) main = name;
      if (error == std::errc()) markers_.push_back({end + 1, number, name == main});
    }
    line_ends_.push_back(end);
    at = end + 1;
  }
  if (markers_.empty()) markers_.push_back({0, 1, true});
}

const Unit::Marker& Unit::marker(std::size_t offset) const {
  const auto after =
      std::upper_bound(markers_.begin(), markers_.end(), offset, [](std::size_t at, const Marker& m) { return at < m.offset; });
  return after == markers_.begin() ? *after : *std::prev(after);
}

int Unit::line(std::size_t offset) const {
  const Marker& before = marker(offset);
  const auto first = std::lower_bound(line_ends_.begin(), line_ends_.end(), before.offset);
  return before.line + static_cast<int>(std::lower_bound(first, line_ends_.end(), offset) - first);
}

bool Unit::in_main_file(const Ast& node) const { return marker(node.begin()).main; }

std::optional<Ast> Unit::function(std::string_view name) const {
  for (const Ast& function : functions_)
    if (function.name() == name) return function;
  return std::nullopt;
}

std::optional<Ast> Unit::variable(std::string_view name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::int64_t> Unit::enumerator(std::string_view name) const {
  const auto found = enumerators_.find(name);
  return found == enumerators_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace ak::analyser
