#include "context/loop_job.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/cores.hpp"
#include "base/log.hpp"
#include "base/profile.hpp"
#include "context/loop_stored.hpp"
#include "context/stored_quarantine.hpp"
#include "gpu/device.hpp"
#include "plan/resources.hpp"
#include "port/candidates.hpp"
#include "port/port.hpp"
#include "tune/device_turn.hpp"
#include "tune/spending.hpp"
#include "worker/worker.hpp"

namespace ak {

void LoopJob::run(const Turn& turn) {
  if (known_.gate->closed()) return;
  try {
    port(turn);
  } catch (const TimedOut&) {
    why_ = "its port has not ended in time";
  } catch (const Error& error) {  // nobody waits for it who could be told
    if (!behind_) throw;
    if (known_.gate->closed()) return;
    why_ = error.what();
    warn_once(fmt::format("{}: its port behind the calls failed: {}", known_.function.name, why_));
  }
  if (!behind_ || turn.by.stopped() || !behind_(*this)) return;
  if (in_vain_ || (served_ && served_->standing == Standing::lasting)) return;
  auto next = std::make_shared<LoopJob>(common_, device_, shared_, memory_, calls_, behind_);
  next->again_ = again_, next->again_.later(Clock::now());
  turn.again(next, next->again_.wait_s);
}

void LoopJob::port(const Turn& turn) {
  const ProfileRange range("port {}", known_.function.name);
  const auto entered = device_.machine->enter();
  Unserved found;
  served_ = stored_loop(common_, known_, memory_.call, device_, &found);  // another process may have had the lease until now
  if (served_ && served_->standing == Standing::lasting) return;
  std::optional<loop::Winner>& hint = record_;
  hint = std::move(found.winner);
  if (served_) hint = served_->winner;  // goes on where the last one ended, or proves its kernels again

  Allowance allowance;
  allowance.seconds = std::min(common_.settings.loop_budget_s, common_.process_budget_left());
  allowance.duty = behind_ ? common_.settings.background_share : 1, allowance.stop = turn.by.stop();
  if (allowance.seconds <= 0) {
    why_ = fmt::format("the process budget is used up ({})", common_.settings.given_by("AK_PROCESS_BUDGET_S"));
    return;
  }
  turn.expect(allowance.seconds / allowance.duty);
  const Deadline deadline = allowance.deadline();
  const port::Tools tools = loop_tools(common_.settings);
  port::PortRequest request;
  request.function = known_.function;
  request.verdict = port::analyse(known_.source, memory_.call, tools, deadline);
  if (!request.verdict.refused.empty()) {
    why_ = request.verdict.refused, in_vain_ = true;
    return;
  }
  request.source = known_.source;
  request.call = memory_.call, request.integers = memory_.integers, request.called = true;
  request.tools = tools;
  request.threads = common_.settings.compile_threads > 0 ? common_.settings.compile_threads : usable_cores();
  request.quick = true;
  if (hint) request.known = hint->kernels;
  request.llm = common_.settings.llm_code == LlmCode::kept;
  if (served_) request.tried = hint->tried;

  StoredQuarantine quarantine(*common_.store, device_.machine->hardware());
  port::PortGpu gpu;
  gpu.resources = &resources();
  gpu.device_bytes = static_cast<double>(common_.allowance(*device_.machine).device_bytes);
  std::string looked;
  const std::string program = find_worker(common_.settings.worker, &looked);
  if (common_.settings.isolation == Isolation::worker && !program.empty() && !not_for_two_processes())
    gpu.worker = &Worker::of(program, device_uuid());
  gpu.compiler = &device_.machine->compiler();
  if (known_.host_serves) gpu.host = [this](void* const* arguments) { known_.run_host_behind(arguments); };
  gpu.turn = turns_on_device(common_.store->folder(), device_uuid());
  gpu.calls = calls_;
  gpu.quarantined = [&](const Digest& kernel) { return quarantine.why(kernel); };
  gpu.quarantine = [&](const Digest& kernel, const std::string& what) { quarantine.add(kernel, what); };

  const auto key = [&](const loop::Winner& winner) { return winner_key(known_, memory_.call, device_, loop::by_llm(winner)); };
  // No longer right: as if it had been imported, it is served no more until it is proven.
  const auto refute = [&](const loop::Winner& winner) {
    const auto record = common_.store->find_work(loop::kLoop, key(winner));
    if (!record || !(loop::read_winner(record->text) == winner)) return;
    WorkRecord unproven = *record;
    unproven.local.clear();
    common_.store->change_work(*record, unproven);
  };
  Spending spending(allowance);
  struct Account {  // however it ends
    Common& common;
    const Spending& spending;
    ~Account() { common.ledger.spend(spending.spent()); }
  } account{common_, spending};
  gpu.rest = [&](double used) { spending.rest(used); };
  const port::Ported ported = port::port(request, &gpu, deadline, [&](const port::PortStep& step) {
    if (!step.ended) return;
    const port::Tried& tried = *step.ended;
    log(LogLevel::debug, "{}: {}: {}{}{}", known_.function.name, port::tactic_text(tried.candidate), port::name(tried.status),
        tried.why.empty() ? "" : ": ", tried.why);
  });
  common_.ledger.count([&](Counters& c) { ++c.searches, c.trials += static_cast<std::int64_t>(ported.tried.size()); });
  if (ported.winner.kernels.empty()) {
    in_vain_ = !ported.winner.unfinished && (gpu.worker || !(hint && loop::by_llm(*hint)));
    why_ = !ported.note.empty() ? ported.note : in_vain_ ? "no kernel of it is right" : "no kernel of it was proven in time";
    if (!served_ || ported.winner.unfinished) return;
    refute(*hint);
    served_ = nullptr, refuted_ = true;
    return;
  }
  // What the templates came to stands beside an LLM's record, which stays but where a kernel of it is wrong.
  const auto is_wrong = [&](const port::Tried& tried) {
    const bool judged =
        !tried.passed() && tried.status != port::Status::budget && (tried.status != port::Status::refused || gpu.worker);
    return judged && std::ranges::find(hint->kernels, tried.candidate) != hint->kernels.end();
  };
  if (hint && key(*hint) != key(ported.winner) && std::ranges::any_of(ported.tried, is_wrong)) refute(*hint);
  common_.store->put_work(
      {std::string(loop::kLoop), key(ported.winner), loop::write_json(ported.winner), loop::pack_images(ported.images)});
  served_ = load_loop(resources(), device_.machine->scratch(), known_.function, ported.winner, ported.images, "this process",
                      ported.unpredicted.empty() ? ported.note : ported.unpredicted,
                      ported.winner.unfinished ? Standing::passing : Standing::lasting);
}

}  // namespace ak
