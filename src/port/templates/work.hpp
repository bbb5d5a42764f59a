// A verdict cut into works: what each group needs from those before it, and what it must leave for those after it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "port/templates/templates.hpp"

namespace ak::port {

/// The groups of a verdict, each to be run on its own. The functions that its works point to live in it: it stays where it is.
class Works {
 public:
  Works(const loop::Verdict& verdict, const Setting& setting);
  Works(const Works&) = delete;

  /// Whether the groups may run one after the other. Only then are there works.
  bool separable() const { return separable_; }
  std::size_t size() const { return groups_.size(); }
  bool straight(std::size_t group) const;
  /// Whether nothing of the group has to be run, because those after it compute its scalars themselves, or read none of it.
  bool vanishes(std::size_t group) const { return vanishes_[group]; }
  /// The group, with the straight ones up to `last` as its `after`.
  Work work(std::size_t group, std::size_t last) const;
  /// The whole function as one group.
  Work whole() const;
  const loop::Function& function() const { return function_; }
  /// Local arrays of a few elements that only iterations of parallel loops use: each thread has its own.
  const std::set<std::string>& own() const { return own_; }

 private:
  void close(std::size_t group);
  bool is_own(const loop::Local& local) const;
  bool sets_again(std::size_t group, const loop::Node& node, const std::string& scalar) const;
  bool is_for_nobody(std::size_t group) const;
  bool keeps_order(std::size_t earlier, std::size_t later) const;
  /// The last statement, or what holds it, that sets a scalar in the groups before one.
  struct Source {
    std::size_t group;
    const loop::Node* node;
  };
  std::optional<Source> source(const std::string& scalar, std::size_t before) const;
  bool computed_again(const Source& source) const;
  bool guards_the_rest(std::size_t group) const;
  std::size_t last_user(const std::string& scalar, std::size_t group) const;
  std::vector<loop::Node> incoming(std::set<std::string> wanted, std::size_t before) const;
  static std::string kept_name(const std::string& scalar, std::size_t group);

  loop::Function function_, shaped_;
  std::vector<loop::Term> assumed_;
  Setting setting_;
  std::vector<loop::Group> groups_;
  std::vector<std::vector<loop::Node>> bodies_;
  std::set<std::string> written_;  // arrays, by any statement
  std::set<std::string> own_;
  std::vector<bool> vanishes_;
  bool separable_ = true;
};

}  // namespace ak::port
