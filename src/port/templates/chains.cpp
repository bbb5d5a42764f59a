// Recurrences of any function. At distance d they are d chains that never meet: a thread each; a scan's too, where they fill a
// warp. At distance 1 there is one, and one thread runs it, with the carried element in a register and its loads ahead.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"
#include "port/templates/rows.hpp"

namespace ak::port {

using loop::Node;
using loop::Role;
using loop::Term;

namespace {

constexpr std::int64_t kFillsWarp = 32;

std::int64_t chains_of(const Work& work) {
  if (work.group.loops.back().role == Role::sequential) return 1;
  std::int64_t common = 0;
  for (const loop::Recurrence& recurrence : work.group.recurrences)
    for (const std::int64_t distance : recurrence.distances) common = std::gcd(common, distance);
  return common;
}

/// Whether all that two iterations share is `chains` iterations apart, or a multiple of that.
bool never_meet(const Node& loop, std::int64_t chains, const std::vector<Term>& assumed) {
  const Names written = written_arrays(loop.body), moving = assigned_scalars(loop.body);
  if (intersect(scalar_flow(loop.body).exposed, moving)) return false;
  std::vector<Term> writes, all;
  bool right = true;
  loop::for_each_node(loop.body, [&](const Node& node) {
    if (node.kind == Node::Kind::loop) right = false;
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element) writes.push_back(node.target);
    for (const Term& term : terms_read(node))
      loop::for_each(term, [&](const Term& part) {
        if (part.kind == Term::Kind::element && written.count(part.text)) all.push_back(part);
      });
  });
  all.insert(all.end(), writes.begin(), writes.end());
  for (const Term& write : writes)
    for (const Term& other : all) {
      if (other.text != write.text) continue;
      const Apart at = apart(other, write, loop.variable, loop.step, assumed);
      right = right && at.kind != Apart::Kind::unknown && !intersect(scalars_of(other), moving);
      right = right && (at.kind == Apart::Kind::never || at.iterations % chains == 0);
    }
  return right;
}

bool reads_always(const Term& term, const Term& what) {
  if (term == what) return true;
  if (term.kind == Term::Kind::choose) return reads_always(term.terms[0], what);
  if (term.kind == Term::Kind::binary && (term.text == "&&" || term.text == "||")) return reads_always(term.terms[0], what);
  return std::any_of(term.terms.begin(), term.terms.end(), [&](const Term& part) { return reads_always(part, what); });
}

/// The loop with the element that an iteration takes from `chains` before in a register; what sets that before the loop.
struct Register {
  Node loop;
  std::string opening;
};

Register in_register(const Node& loop, std::int64_t chains, const Work& work) {
  Register kept{loop, {}};
  if (!work.setting.restricted) return kept;
  for (std::size_t i = 0; i < loop.body.size(); ++i) {
    const Node& node = loop.body[i];
    if (node.kind != Node::Kind::assign || node.target.kind != Term::Kind::element) continue;
    int writes = 0;
    loop::for_each_node(loop.body, [&](const Node& other) {
      writes +=
          other.kind == Node::Kind::assign && other.target.kind == Term::Kind::element && other.target.text == node.target.text;
    });
    std::optional<Term> read;
    loop::for_each(node.value, [&](const Term& part) {
      if (part.kind != Term::Kind::element || part.text != node.target.text) return;
      const Apart at = apart(part, node.target, loop.variable, loop.step, work.assumed);
      if (at.kind == Apart::Kind::iterations && at.iterations == -chains && reads_always(node.value, part)) read = part;
    });
    if (writes != 1 || !read || intersect(scalars_of(*read), assigned_scalars(loop.body))) continue;
    const Term last = loop::scalar(node.target.text + "_last_", node.target.type);
    Node& store = kept.loop.body[i];
    store.value =
        loop::replace(store.value, [&](const Term& part) { return part == *read ? std::optional(last) : std::nullopt; });
    Node set = store;
    set.target = last;
    store.value = last;
    kept.loop.body.insert(kept.loop.body.begin() + static_cast<std::ptrdiff_t>(i), set);
    const Term first = loop::replace(*read, [&](const Term& part) {
      return part.kind == Term::Kind::scalar && part.text == loop.variable ? std::optional(kept.loop.begin) : std::nullopt;
    });
    kept.opening =
        fmt::format("{} {} = 0;\n    if ({} {} {}) {} = {};\n", loop::c_name(last.type), last.text, loop::c_text(loop.begin),
                    loop.step < 0 ? ">" : "<", loop::c_text(loop.end), last.text, loop::c_text(first));
    return kept;
  }
  return kept;
}

}  // namespace

std::vector<Stage> chains_stages(const Work& work) {
  std::vector<Stage> stages;
  if (work.group.loops.empty()) return stages;
  const Role role = work.group.loops.back().role;
  if (role != Role::chains && role != Role::sequential && role != Role::scan) return stages;
  const auto rows = rows_of(work);
  if (!rows || has_exit(rows->loop.body)) return stages;
  if (!rows->guards.empty() && (!work.kept.empty() || !work.after.empty())) return stages;
  const std::int64_t chains = chains_of(work);
  const bool alone = chains == 1 && rows->outer.empty();  // one thread in C's order
  if (chains < 1 || (role == Role::chains && chains < 2) || chains > 1 << 20) return stages;
  if (role == Role::scan && chains < kFillsWarp) return stages;
  if (!alone) {
    if (!work.setting.restricted) return stages;
    if (!rows->head.empty() || !rows->tail.empty() || !work.kept.empty() || !work.after.empty()) return stages;
    if (chains > 1 && !never_meet(rows->loop, chains, work.assumed)) return stages;
    if (chains == 1 && !work.group.notes.empty()) return stages;
  }
  Node loop = rows->loop;
  if (chains > 1) {
    const Term chain = loop::scalar("chain_", loop::ScalarType::i32);
    loop.begin = loop::binary("+", loop.begin, loop::binary("*", chain, loop::integer(loop.step)));
    loop.step *= chains;
  }
  Register kept = in_register(loop, 1, work);
  const Term threads = loop::binary("*", row_count(work, *rows), loop::integer(chains, loop::ScalarType::i64));
  for (const int block : alone ? std::vector<int>{32} : std::vector<int>{32, 128}) {
    Stage stage;
    stage.template_name = chains == 1 ? kSequential : "chains";
    stage.knobs = {{"block", block}};
    stage.scratch = kept_scratch(work);
    std::string text = opening(work);
    text += count_rows(*rows);
    text +=
        fmt::format("  for (long long thread_ = ak::thread(); thread_ < rows_ * {}; thread_ += ak::threads()) {{\n", chains);
    if (chains > 1) text += fmt::format("    const int chain_ = (int)(thread_ % {});\n", chains);
    text += in_row(*rows, fmt::format("(thread_ / {})", chains), 4);
    text += statements(rows->head, 4);
    if (!kept.opening.empty()) text += "    " + kept.opening;
    if (!has_loop(loop.body)) text += "#pragma unroll 8\n";
    text += statements({kept.loop}, 4);
    text += statements(rows->tail, 4);
    text += closing(work, 4);
    text += "  }\n";
    Kernel kernel;
    kernel.body = std::move(text);
    const Term wide = loop::integer(block, loop::ScalarType::i64);
    kernel.blocks = loop::binary("/", loop::binary("+", threads, loop::binary("-", wide, loop::integer(1))), wide);
    kernel.threads = block;
    kernel.strides = true;
    stage.kernels.push_back(std::move(kernel));
    stages.push_back(std::move(stage));
  }
  return stages;
}

}  // namespace ak::port
