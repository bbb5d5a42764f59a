// The subcommand `loop-faults`.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/atomic_file.hpp"
#include "gpu/device.hpp"
#include "loop/winner.hpp"
#include "plan/resources.hpp"
#include "prove/loop_faults.hpp"
#include "prove/prove.hpp"
#include "worker/process.hpp"
#include "worker/worker.hpp"

namespace ak::proof {
namespace {

constexpr double kSeconds = 10;  // of a proof; it takes milliseconds

void write(const std::string& file, std::string_view bytes) {
  if (const auto why = write_atomically(file, bytes))
    throw Error(ErrorCode::invalid_argument, fmt::format("cannot write '{}': {}", file, *why));
}

std::string worker_program() {
  const char* const chosen = std::getenv("AK_WORKER");
  std::string program = find_worker(chosen ? chosen : "");
  if (program.empty()) throw Error(ErrorCode::invalid_argument, "there is no ak-worker: set AK_WORKER");
  return program;
}

// How kernels of one kind fared.
struct Counts {
  int kernels = 0, emulator = 0, gpu = 0;  // that the emulator refuses, that the GPU's proof does
};

}  // namespace

int prepare_loop_faults(const Settings& settings) {
  const auto kernels = prepare_loop_faults(settings.planted, worker_program());
  write(settings.prepared, encode(kernels));
  std::size_t wrong = 0, bytes = 0;
  for (const PreparedKernel& k : kernels) wrong += !k.wrong.empty(), bytes += k.image.size();
  fmt::print("{}: {} right and {} wrong kernels, {} KB\n", settings.prepared, kernels.size() - wrong, wrong, bytes / 1024);
  return 0;
}

int prove_loop_faults(const Settings& settings) {
  std::ostringstream bytes;
  bytes << std::ifstream(settings.prepared, std::ios::binary).rdbuf();
  const std::vector<PreparedKernel> prepared = decode_prepared(bytes.str());
  std::map<std::string, loop::PlantedKernel> by_title;
  for (loop::PlantedKernel& k : loop::planted_kernels_of(settings.planted)) by_title.emplace(k.title(), std::move(k));

  Worker& worker = Worker::of(worker_program(), device_uuid());
  std::map<std::string, Counts> counts;
  auto rows = nlohmann::ordered_json::array();
  for (const PreparedKernel& k : prepared) {
    const auto found = by_title.find(k.title);
    if (found == by_title.end() || found->second.wrong != k.wrong)
      throw Error(ErrorCode::invalid_argument, fmt::format("{} is not among {}: prepare anew", k.title, settings.planted));
    ProofRequest request;
    request.tag = loop::kLoop, request.launch = k.launch, request.image = k.image, request.effort = Effort::full;
    request.subject = port::proof_subject(function_of(found->second), cases_of(found->second));
    std::string outcome = "correct", why;
    try {
      worker.prove(std::move(request), Deadline::in(kSeconds));
    } catch (const Failed& failed) {
      outcome = name(failed.outcome), why = failed.why;
    } catch (const TimedOut&) {
      outcome = "timeout";
    } catch (const Unavailable& absent) {
      throw Error(ErrorCode::invalid_argument, "the worker cannot be used: " + absent.why);
    }
    Counts& of = counts[k.wrong.empty() ? "right" : k.wrong];
    ++of.kernels, of.emulator += !k.emulated.empty(), of.gpu += outcome != "correct";
    rows.push_back({{"kernel", k.title}, {"planted", k.wrong}, {"emulator", k.emulated}, {"gpu", outcome}, {"why", why}});
  }
  nlohmann::ordered_json all{{"gpu", device_facts().name}, {"kernels", rows}};
  if (!settings.record.empty()) write(settings.record, all.dump(1) + "\n");
  // Right: both accept it. A wrong value shows on every GPU; a race, or memory that happens to hold the right value, need not.
  std::string line;
  for (const auto& [kind, of] : counts)
    line +=
        fmt::format("{}{} {}: emulator refuses {}, GPU {}", line.empty() ? "" : "; ", of.kernels, kind, of.emulator, of.gpu);
  fmt::print("{}\n", line);
  const Counts right = counts["right"], value = counts["value"];
  return right.emulator == 0 && right.gpu == 0 && value.gpu == value.kernels ? 0 : 1;
}

}  // namespace ak::proof
