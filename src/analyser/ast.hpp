// clang's tree of a C file, typed: nodes, and the declarations of file scope by name.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analyser/c_type.hpp"
#include "analyser/clang.hpp"

namespace ak::analyser {

/// A node, cheap to copy; lives as long as its Unit.
class Ast {
 public:
  Ast() = default;
  explicit Ast(simdjson::dom::object node) : node_(node), there_(true) {}

  /// Whether it is there at all: a `for` without a condition has a hole in its place.
  bool there() const { return there_ && !kind().empty(); }
  std::string_view kind() const { return text("kind"); }
  std::string_view name() const { return text("name"); }
  std::string_view id() const { return text("id"); }
  std::string_view text(const char* key) const;
  bool is(std::string_view kind_) const { return kind() == kind_; }
  bool flag(const char* key) const;
  std::int64_t number(const char* key) const;
  Ast part(const char* key) const;
  std::vector<Ast> children() const;
  /// The i-th child; not there() when it has fewer.
  Ast child(std::size_t i) const;
  /// Of an InitListExpr.
  std::vector<Ast> initial_values() const;
  /// Of its type, or of another key with one: "computeLHSType", "argType".
  std::string_view type_text(const char* key = "type") const;
  /// Offsets in the preprocessed text: of its first character, of its last token's, and that token's length.
  std::size_t begin() const { return offset("begin", "offset"); }
  std::size_t end() const { return offset("end", "offset") + offset("end", "tokLen"); }
  std::size_t first_token() const { return offset("begin", "tokLen"); }

 private:
  std::vector<Ast> list(const char* key) const;
  std::size_t offset(const char* which, const char* key) const;
  simdjson::dom::object node_;
  bool there_ = false;
};

/// A C file as clang read it.
class Unit {
 public:
  /// Throws Error{invalid_argument} for JSON that is too deep or none.
  explicit Unit(ParsedText parsed);

  const std::string& text() const { return text_; }
  /// Of the source, as line markers have it.
  int line(std::size_t offset) const;
  int line(const Ast& node) const { return line(node.begin()); }
  CType type(const Ast& node, const char* key = "type") const { return type_of(node.type_text(key)); }
  CType type_of(std::string_view text) const { return c_type(text, typedefs_); }

  /// With a body, in the order of the text; those of headers too.
  const std::vector<Ast>& functions() const { return functions_; }
  std::optional<Ast> function(std::string_view name) const;
  std::optional<Ast> variable(std::string_view name) const;
  /// Whether a reference leads to a variable of file scope.
  bool is_file_scope(const Ast& declaration) const { return file_scope_.contains(declaration.id()); }
  std::optional<std::int64_t> enumerator(std::string_view name) const;
  /// Whether it stands in the file itself, not in what that includes.
  bool in_main_file(const Ast& node) const;

 private:
  struct Marker {
    std::size_t offset;  // where the line after it begins
    int line;
    bool main;
  };
  void read_markers();
  const Marker& marker(std::size_t offset) const;

  std::string text_;
  simdjson::dom::parser parser_;
  std::vector<Marker> markers_;
  std::vector<std::size_t> line_ends_;
  std::vector<Ast> functions_;
  std::map<std::string, Ast, std::less<>> variables_;
  std::set<std::string, std::less<>> file_scope_;  // ids
  std::map<std::string, std::int64_t, std::less<>> enumerators_;
  Typedefs typedefs_;
};

}  // namespace ak::analyser
