#include "blind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "interpreter.hpp"
#include "port/templates/emit.hpp"
#include "port/templates/kernel_names.hpp"

namespace ak::test {

using loop::Node;
using loop::Term;

namespace {

constexpr int kThreads = 64, kBlocks = 4;
constexpr const char* kThread = "thread_";

using Names = std::set<std::string>;

// The outermost loops that carry something which the sequence of the text alone keeps right.
std::set<int> carrying(const loop::Function& function, const loop::Values& facts) {
  Names locals;
  for (const loop::Local& local : function.locals) locals.insert(local.name);
  loop::Values integers = facts;
  for (const loop::Parameter& parameter : function.parameters)
    if (!parameter.pointer) integers.emplace(parameter.name, 9);
  std::set<int> loops;
  for (const SeenDependence& seen : observe(function, integers, 1).dependences) {
    const bool own_of_a_thread = locals.contains(seen.name) && seen.kind != SeenDependence::Kind::flow;
    if (seen.loop != 0 && seen.distance != 0 && !own_of_a_thread) loops.insert(seen.loop);
  }
  return loops;
}

class Blind {
 public:
  explicit Blind(const loop::Verdict& verdict, const loop::Values& facts)
      : function_(loop::flattened(verdict.function)), carrying_(carrying(verdict.function, facts)) {
    find(function_.body);
    for (const Node* made : parallel_) share(*made);
    for (const loop::Local& local : function_.locals)
      if (!local.extents.empty() && !private_.contains(local.name))
        scratch_.push_back({local.name, local.type, local.extents[0], false});
  }

  std::vector<loop::Candidate> candidates() const {
    if (parallel_.empty()) return {};
    loop::Candidate blind;
    blind.template_name = "blind";
    blind.scratch = scratch_;
    std::string parameters = loop::c_parameters(function_);
    for (const loop::Scratch& one : scratch_)
      parameters += fmt::format("{}{}* {}", parameters.empty() ? "" : ", ", loop::c_name(one.type), one.name);
    for (const Node& node : function_.body) {
      const std::string name = fmt::format("{}_blind_{}_", function_.name, blind.launches.size());
      blind.text +=
          fmt::format("\nextern \"C\" __global__ void {}({}) {{\n  const int {} = blockIdx.x * {} + threadIdx.x;\n{}{}}}\n",
                      name, parameters, kThread, kThreads, declarations(), port::statements(shared(of_threads({node})), 2));
      blind.launches.push_back({name, loop::integer(kBlocks), kThreads, 0, false, false});
    }
    return {std::move(blind)};
  }

 private:
  void find(const std::vector<Node>& body) {
    for (const Node& node : body) {
      if (node.kind == Node::Kind::loop && carrying_.contains(node.id)) parallel_.push_back(&node);
      if (node.kind == Node::Kind::branch) find(node.body), find(node.otherwise);
    }
  }

  // What an iteration finds or leaves behind, all threads see; a small array that no other loop uses, each has to itself.
  void share(const Node& made) {
    const Names found = port::scalar_flow(made.body).exposed, left = port::assigned_scalars(made.body);
    const Names set = port::assigned_scalars(function_.body);
    Names outside;
    loop::for_each_node(function_.body, [&](const Node& node) {
      if (holds(made, node.id)) return;
      std::vector<Term> terms = port::terms_read(node);
      terms.push_back(node.target);
      for (const Term& term : terms) outside.merge(port::arrays_of(term)), outside.merge(port::scalars_of(term));
    });
    for (const loop::Local& local : function_.locals) {
      const bool used_outside = outside.contains(local.name);
      if (local.extents.empty()) {
        const bool handed_on =
            (found.contains(local.name) && set.contains(local.name)) || (left.contains(local.name) && used_outside);
        if (handed_on && shared_.insert(local.name).second)
          scratch_.push_back({local.name, local.type, loop::integer(1), false});
      } else if (const auto elements = loop::evaluate(local.extents[0], {}); elements && *elements <= 64 && !used_outside) {
        private_.insert(local.name);
      }
    }
  }

  static bool holds(const Node& node, int id) { return loop::find_node({{}, {}, {}, {}, {node}}, id) != nullptr; }

  std::string declarations() const {
    std::string text;
    for (const loop::Local& local : function_.locals) {
      if (shared_.contains(local.name)) continue;
      if (local.extents.empty()) text += fmt::format("  {} {} = 0;\n", loop::c_name(local.type), local.name);
      if (private_.contains(local.name))
        text += fmt::format("  {} {}[{}];\n", loop::c_name(local.type), local.name, loop::c_text(local.extents[0]));
    }
    return text;
  }

  // Each thread takes every 256th iteration of a parallel loop; one thread runs what is in none.
  std::vector<Node> of_threads(const std::vector<Node>& body) const {
    std::vector<Node> all;
    for (Node node : body) {
      if (std::ranges::any_of(parallel_, [&](const Node* one) { return one->id == node.id; })) {
        const Term mine = loop::binary("*", loop::scalar(kThread, loop::ScalarType::i32), loop::integer(node.step));
        node.begin = loop::binary("+", node.begin, mine);
        node.step *= kThreads * kBlocks;
        all.push_back(std::move(node));
      } else if (node.kind == Node::Kind::branch &&
                 std::ranges::any_of(parallel_, [&](const Node* one) { return holds(node, one->id); })) {
        node.body = of_threads(node.body);
        node.otherwise = of_threads(node.otherwise);
        all.push_back(std::move(node));
      } else {
        Node one;
        one.kind = Node::Kind::branch;
        one.condition = loop::binary("==", loop::scalar(kThread, loop::ScalarType::i32), loop::integer(0));
        one.body = {std::move(node)};
        all.push_back(std::move(one));
      }
    }
    return all;
  }

  std::vector<Node> shared(std::vector<Node> body) const {
    return port::replace_all(std::move(body), [&](const Term& term) -> std::optional<Term> {
      if (term.kind != Term::Kind::scalar || !shared_.contains(term.text)) return std::nullopt;
      return loop::element(term.text, {loop::integer(0)}, term.type);
    });
  }

  loop::Function function_;
  std::set<int> carrying_;
  std::vector<const Node*> parallel_;
  Names shared_, private_;
  std::vector<loop::Scratch> scratch_;
};

}  // namespace

std::vector<loop::Candidate> blind_candidates(const OwnLoop& own) {
  const port::KernelNames names(verdict_of(own).function);
  std::vector<loop::Candidate> all = Blind(names.renamed(verdict_of(own)), own.values).candidates();
  for (loop::Candidate& candidate : all) names.restore(candidate);
  return all;
}

}  // namespace ak::test
