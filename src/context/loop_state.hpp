// Loop::State: a C function in a context: how its source is known, and how each kind of call is served on each GPU.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ak/loop.hpp"
#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/loop_arguments.hpp"
#include "context/loop_known.hpp"
#include "context/loop_served.hpp"
#include "tune/service.hpp"

namespace ak {

class LoopJob;

class Loop::State : public std::enable_shared_from_this<Loop::State> {
 public:
  /// All of them outlive it.
  State(Common& common, TuningService& service, std::function<DeviceState&()> device, port::LoopSource source, LoopHost host,
        LoopPromise promise = {}, std::function<Clock::time_point()> now = Clock::now);
  /// Waits for the C function where a thread of the library's is in it, which runs it no more.
  ~State() { gate_->close(); }

  void call(Stream stream, const LoopType* types, void* const* values, std::size_t count);
  Explanation prepare(const LoopType* types, void* const* values, std::size_t count);
  Explanation explain(const LoopType* types, void* const* values, std::size_t count);
  std::vector<LoopType> types();
  /// Serves calls of this class so from now on, in the context that is current, and takes the source for read.
  void serve(LoopKnown known, const loop::CallClass& call, LoopServedPtr served);
  /// Loop::epoch.
  std::uint64_t changes() const;

 private:
  // How a call with exactly these values goes.
  struct Way {
    enum class Kind : std::uint8_t { kernel, host, copied, in_place } kind = Kind::kernel;
    const LoopPlan* plan = nullptr;
    static constexpr std::size_t kMost = 6;  // of what is decided, once that is known
    bool decided = false;
    std::int64_t decisions[kMost] = {};
  };
  struct Recent;
  struct Kept {
    LoopServedPtr served;
    Clock::time_point again{};  // when one that does not last is asked for once more
    int times = 0;              // that this was so
  };

  bool up_to_date(const LoopKnown* known) const;
  const LoopKnown& known(Deadline deadline);
  const LoopKnown& read(Deadline deadline);
  const LoopKnown& remember(LoopKnown known);
  LoopKnown read_bare(port::LoopSource source, const Error& why) const;
  /// served: null where the C function serves whatever else could.
  Way way_of(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, bool capturing, LoopServedPtr& served,
             bool& lasts);
  LoopKnownPtr shared(const LoopKnown& known);
  LoopServedPtr served_for(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, bool capturing,
                           bool prepares = false);
  /// before: what is kept, null: nothing is. behind: nobody waits for it.
  LoopServedPtr searched(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, const LoopServedPtr& before,
                         LoopServedPtr until_then, bool behind);
  bool take(DeviceState& device, const LoopKnown& known, const std::string& call, const LoopJob& job);
  const LoopJob* await(const TuningService::Ticket& ticket, std::string& why);
  /// job: one that ended in vain; null: there is none.
  LoopServedPtr serial(DeviceState& device, const LoopKnown& known, std::string why, const LoopJob* job = nullptr);
  std::optional<Kept> find(DeviceState& device, const std::string& call);
  void keep(DeviceState& device, const std::string& call, LoopServedPtr served);
  /// Only where what is kept is still that; gives what is kept now.
  LoopServedPtr keep_after(const LoopServedPtr& before, DeviceState& device, const std::string& call, LoopServedPtr served);
  void keep_locked(Kept& kept, LoopServedPtr served);
  void run(DeviceState& device, const LoopKnown& known, const Way& way, const LoopMemory& memory, LoopValues& values,
           Stream stream);
  bool go(DeviceState& device, const LoopKnown& known, const Way& way, LoopValues& values, Stream stream);
  void launch(DeviceState& device, const LoopKnown& known, const LoopPlan& plan, LoopValues& values, Stream stream);
  Explanation explanation(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, const LoopServedPtr& served);

  Common& common_;
  TuningService& service_;
  const std::function<DeviceState&()> device_;
  const port::LoopSource source_;
  const LoopHost host_;
  const LoopPromise promise_;
  const std::uint64_t number_;  // of this state, never used again
  const std::function<Clock::time_point()> now_;
  const std::shared_ptr<HostGate> gate_ = std::make_shared<HostGate>();

  std::atomic<const LoopKnown*> known_{nullptr};
  std::atomic<std::uint64_t> epoch_{0};                         // grows with everything that is kept
  std::atomic<std::uint64_t> changes_{0};                       // with other kernels that are
  std::mutex reading_, mutex_;                                  // of what follows
  std::vector<LoopKnownPtr> read_;                              // the last one stands; calls may still use those before
  std::map<std::pair<std::uint64_t, std::string>, Kept> kept_;  // by context and call class
  std::map<std::pair<std::uint64_t, bool>, std::shared_ptr<const LoopPlan>> serials_;  // by context, and whether bare
  std::vector<LoopServedPtr> retired_;                                                 // a graph may hold them
};

/// A C function that does nothing, whatever the loop's arguments are.
LoopHost idle_host();

/// Whole calls on arrays in the host's memory, all of this class, as a program makes them, for who times what they cost beside
/// a kernel or the C function. Each takes the address of each value, the result's pointer first, and returns when it is done.
/// By the plan, with copies there and back; null: by the C function that `state` was opened with. known: without a host. Looks
/// in no store, starts no search.
std::function<void(void* const* values)> loop_calls(std::shared_ptr<Loop::State> state, LoopKnown known,
                                                    const loop::CallClass& call, const LoopPlan* plan);

}  // namespace ak
