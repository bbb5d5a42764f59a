#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <unordered_map>

#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "cli/loops.hpp"
#include "context/context.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "loop/winner.hpp"

namespace ak::cli {
namespace {

struct ShowState {
  ProblemArguments problem;
  SearchArguments search;
  std::string kind, key;
  bool json = false;
  int top = 10;
};

// A record has its GPU's name only: the facts are an H200's, or those of the GPU that is here. 0 for any other.
double floor_of(const PlanRecord& r) {
  DeviceFacts facts;
  const auto is_its = [&] { return r.hardware.gpu == facts.name && r.hardware.mig == facts.mig; };
  if (!is_its() && gpu_available()) facts = device_facts();
  return is_its() ? floor_us(r.problem, facts) : 0;
}

void print_record(const PlanRecord& r) {
  const Provenance& p = r.provenance;
  fmt::print("problem   {}\n", to_string(r.problem));
  fmt::print("hardware  {} (sm_{}, {} SMs{})\n", r.hardware.gpu, r.hardware.compute, r.hardware.sm_count,
             r.hardware.mig.empty() ? "" : ", MIG " + r.hardware.mig);
  if (!r.hardware.recording.empty())
    fmt::print("          times come from the recording {}; nothing was launched\n", r.hardware.recording);
  fmt::print("winner    {}\n", to_string(r.tactic));
  if (!r.bucket.none()) fmt::print("serves    m {}\n", shown_tokens(r.bucket));
  fmt::print("time      {}   {}   floor {}\n", shown_us(r.us), shown_vendor(r.vendor_us, r.us), shown_us(floor_of(r)));
  if (unproven(r))
    fmt::print("state     imported, not proven on this machine yet: `ak warm` or a first call does it\n");
  else
    fmt::print("search    {}; the winner was named by {} in round {}, {:%Y-%m-%d %H:%M} UTC{}\n",
               shown_search(p.trials, p.search_s), p.proposer, p.round, fmt::gmtime(static_cast<std::time_t>(p.unix_time)),
               p.provisional ? ", provisional: the GPU was busy" : "");
  fmt::print("made with driver {}, NVRTC {}, cuBLASLt {}\n", p.driver.empty() ? "-" : p.driver, p.nvrtc.empty() ? "-" : p.nvrtc,
             p.cublaslt.empty() ? "-" : p.cublaslt);
  if (!p.note.empty()) fmt::print("note      {}\n", p.note);
}

// All that was run for the problem: trials of own kernels, cuBLASLt's candidates, the finals. Correct ones by time, each
// tactic's last timing; then the others as they came.
void print_leader_board(std::vector<Trial> trials, int top) {
  int by_outcome[7] = {};
  for (const Trial& t : trials) ++by_outcome[static_cast<int>(t.outcome)];
  fmt::print("\n{}, cuBLASLt's and the final timings included:", counted(trials.size(), "run"));
  for (int i = 0; i < 7; ++i)
    if (by_outcome[i]) fmt::print(" {} {}", by_outcome[i], name(static_cast<Outcome>(i)));
  fmt::print("\n{:>11}  {:>6}  {:>4}  {:>7}  {:<10} {}\n", "time", "ratio", "regs", "smem B", "proposer", "tactic");
  std::unordered_map<Tactic, double, TacticHash> last_us;
  for (const Trial& t : trials)
    if (t.correct()) last_us[t.tactic] = t.us;
  const auto is_last = [&](const Trial& t) {  // once: what was shown is forgotten
    const auto it = last_us.find(t.tactic);
    return it != last_us.end() && it->second == t.us && last_us.erase(t.tactic);
  };
  std::stable_sort(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    return a.correct() != b.correct() ? a.correct()
                                      : a.correct() && (a.us != b.us ? a.us < b.us : a.final_timing && !b.final_timing);
  });
  int correct = 0, other = 0;
  bool final = false;
  for (const Trial& t : trials) {
    if (t.correct() && !is_last(t)) continue;
    if ((t.correct() ? correct : other)++ >= top) continue;
    final |= t.final_timing;
    if (t.correct())
      fmt::print("{:>11}  {:>6.3f}  {:>4}  {:>7}  {:<10} {}{}\n", shown_us(t.us), t.ratio, t.registers, t.smem_bytes,
                 t.proposer, to_string(t.tactic), t.final_timing ? "  (final)" : "");
    else
      fmt::print("{:>11}  {:>6}  {:>4}  {:>7}  {:<10} {}: {}\n", name(t.outcome), "", "", "", t.proposer, to_string(t.tactic),
                 t.why);
  }
  if (correct)
    fmt::print("ratio: cuBLASLt's best over this tactic, timed in turn{}\n", final ? "; (final): timed at full effort" : "");
}

int show_work(const ShowState& state) {
  const auto store = open_cache_to_read(resolve(state.search.options()).cache_dir, state.search.cache_given);
  const auto record = store->find_work(state.kind, state.key);
  if (state.json) print_json(record ? Json::array({to_json(*record)}) : Json::array());
  if (cannot_be_read(*store)) return kFailed;
  if (!record)
    fmt::print(stderr, "no {} of {} in {}\n", state.kind, state.key, store->describe());
  else if (const std::string damage = damage_of(*record); !damage.empty())
    return fmt::print(stderr, "{}: {}\n", printable_line(record->key), printable_line(damage)), kFailed;
  else if (!state.json && state.kind == loop::kLoop)
    fmt::print("{}\n", loop_text(*record));
  else if (!state.json)
    fmt::print("kind      {}\nkey       {}\nstate     {}\n\n{}\n", record->kind, record->key,
               unproven(*record) ? "imported, to be proven here" : counted(record->local.size(), "byte") + " of this machine",
               record->kind == kQuarantine ? record->local : record->text);
  return record ? kOk : kFailed;
}

int show(const ShowState& state) {
  if (!state.kind.empty()) return show_work(state);
  const std::string& text = state.problem.text;  // also of what this version would not serve
  const Problem problem = text.empty() || !state.problem.sizes.empty() ? state.problem.problem() : parse_problem(text);
  const auto store = open_cache_to_read(resolve(state.search.options()).cache_dir, state.search.cache_given);
  Json found = Json::array();
  int count = 0;
  std::vector<PlanRecord> records;
  std::set<std::string> alike;  // of the same sizes: a word of the epilogue is forgotten soon
  store->for_each([&](const PlanRecord& r) {
    if (r.problem == problem)
      records.push_back(r);
    else if (r.problem.m == problem.m && r.problem.n == problem.n && r.problem.k == problem.k)
      alike.insert(to_string(r.problem));
  });
  for (const PlanRecord& r : records) {
    const std::vector<Trial> trials = store->trials(r.problem, r.hardware);
    if (state.json) {
      Json row = to_json(r), history = Json::array();
      for (const Trial& t : trials) history.push_back(to_json(t));
      row["floor_us"] = floor_of(r);
      row["history"] = std::move(history);
      found.push_back(std::move(row));
      continue;
    }
    if (count++) fmt::print("\n");
    print_record(r);
    if (!trials.empty()) print_leader_board(trials, state.top);
  }
  if (state.json) print_json(found);
  if (cannot_be_read(*store)) return kFailed;
  if (records.empty()) {
    fmt::print(stderr, "no record of {} in {}\n", to_string(problem), store->describe());
    for (const std::string& each : alike) fmt::print(stderr, "there is one of {}\n", each);
  }
  return records.empty() ? kFailed : kOk;
}

}  // namespace

void add_show(Program& program) {
  auto state = std::make_shared<ShowState>();
  Command command = program.add_command("show", "Show the record of a problem and the trials of its search");
  state->problem.add_to(command);
  Argument kind = command.option("--kind", state->kind, "instead, a record of another kind of work than the GEMM: its tag");
  command.option("--key", state->key, "what that record is about, as `ak ls --kind TAG` prints it").goes_with(kind);
  state->search.add_cache_to(command);
  command.option("--top", state->top, "rows of each kind in the leader board").shows_default();
  command.flag("--json", state->json, "the record and its whole history");
  command.on_run([state] { return show(*state); });
}

}  // namespace ak::cli
