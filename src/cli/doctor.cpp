#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/box.hpp"
#include "base/child.hpp"
#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "cli/misspelt.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "emulate/emulate.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "llm/chat.hpp"
#include "machine/gpu.hpp"
#include "plan/vendor.hpp"
#include "port/analysis.hpp"
#include "port/c/c_program.hpp"
#include "worker/process.hpp"

namespace ak::cli {
namespace {

enum class Health { good, note, bad };

struct Check {
  std::string what;
  Health health;
  std::string detail, remedy;
};

Check check_driver() {
  std::string why;
  if (!gpu_available(&why))
    return {
        "GPU", Health::bad, why,
        "install NVIDIA's driver for CUDA 13 (release 580 or later) and check that nvidia-smi lists the GPU; in a container, "
        "start it with --gpus all. Without a GPU recordings work (AK_RECORDING), and `ak port`, which proves kernels of loops "
        "and times none"};
  DeviceFacts facts;
  try {
    facts = device_facts();
  } catch (const Error& error) {
    return {"GPU", Health::bad, error.what(),
            "nvidia-smi shows who holds the GPU; it may be in exclusive mode, or out of memory"};
  }
  const std::string detail = fmt::format("{} (sm_{}, {} SMs{}), driver {}", facts.name, facts.compute(), facts.sm_count,
                                         facts.mig.empty() ? "" : ", MIG " + facts.mig, driver_version());
  if (facts.compute() < 80) return {"GPU", Health::bad, detail, "a GPU of compute capability 8.0 or later is needed"};
  return {"GPU", Health::good, detail, ""};
}

Check check_nvrtc() {
  std::string why;
  if (!compiler_available(&why))
    return {"NVRTC", Health::bad, why,
            "install CUDA 13's NVRTC (libnvrtc.so.13; package cuda-nvrtc-13-0) or set CUDA_HOME to a toolkit. Known problems "
            "still run without it, new ones are served by cuBLASLt"};
  const Compiled trial = compile("extern \"C\" __global__ void ak_kernel() {}", "sm_90a");
  if (!trial.ok())
    return {"NVRTC", Health::bad, fmt::format("{} compiles nothing: {}", compiler_version(), trial.failure),
            "put the toolkit's libraries (lib64) on the loader's path: /etc/ld.so.conf.d and ldconfig, or LD_LIBRARY_PATH"};
  return {"NVRTC", Health::good, compiler_version(), ""};
}

Check check_cublaslt() {
  std::string why;
  if (!vendor_available(&why))
    return {"cuBLASLt", Health::bad, why,
            "install CUDA 13's cuBLAS (libcublasLt.so.13; package libcublas-13-0) or set CUDA_HOME to a toolkit. Without it "
            "there is no baseline to compare with and nothing to fall back on"};
  return {"cuBLASLt", Health::good, vendor_version(), ""};
}

Check check_cache(const Settings& settings) {
  if (settings.cache_dir.empty())
    return {"cache", Health::note, "off: records live in memory only",
            "unset AK_CACHE_DIR, or set it to a folder, to keep winners"};
  const auto store = open_store(settings.cache_dir);
  const std::string where = store->describe();
  store->for_each([](const PlanRecord&) {});  // some faults show at the first read only
  const Store::Fault fault = store->fault();
  if (fault.reading.empty() && !fault.writing.empty())
    return {"cache", Health::note, where,
            "its records serve; new ones last as long as their process. Set AK_CACHE_DIR to a folder of yours to keep them"};
  if (!fault.reading.empty())
    return {"cache", Health::bad, store->persistent() ? fmt::format("{}: {}", where, fault.reading) : where,
            "set AK_CACHE_DIR to a folder of yours on a local disk"};
  std::error_code error;
  const auto space = std::filesystem::space(settings.cache_dir, error);
  if (!error && space.available < (64u << 20))
    return {"cache", Health::bad, fmt::format("{}: {} MiB free", where, space.available >> 20),
            "free disk space, or move AK_CACHE_DIR"};
  return {"cache", Health::good, where, ""};
}

Check check_packs(const Settings& settings) {
  std::string detail, faults;
  const Packs packs(settings.shipped, settings.packs);
  for (const Pack& pack : packs.all()) {
    detail += fmt::format("{}{}: {}", detail.empty() ? "" : ", ", pack.name,
                          counted(pack.entries.size() + pack.work.size(), "record"));
    for (const std::string& fault : pack.faults) faults += (faults.empty() ? "" : "; ") + fault;
  }
  if (detail.empty()) return {"packs", Health::note, "none", "unset AK_SHIPPED to start at what the library knows"};
  if (faults.empty()) return {"packs", Health::good, detail, ""};
  return {"packs", Health::bad, detail, faults + ": write it again with `ak pack`, or correct AK_PACKS"};
}

// Where kernels are launched first.
Check check_worker(const Settings& settings) {
  if (settings.isolation == Isolation::in_process)
    return {"worker", Health::note, "none: AK_ISOLATION is in_process", "a kernel that faults takes the process's GPU with it"};
  std::string looked;
  const std::string program = find_worker(settings.worker, &looked);
  if (program.empty())
    return {"worker", Health::note, "no program ak-worker at " + looked,
            "set AK_WORKER to it, or AK_ISOLATION=in_process; until then kernels are launched in the process itself"};
  if (!gpu_available()) {  // nothing starts it
    if (std::filesystem::path(program).filename() == "ak-worker") return {"worker", Health::good, program, ""};
    return {"worker", Health::note, program + ": not named ak-worker, and not tried without a GPU",
            "correct or unset AK_WORKER"};
  }
  try {
    const std::string meanwhile =
        "until then new kernels are launched in the process itself, which AK_ISOLATION=in_process accepts";
    if (const auto one = not_for_two_processes())
      return {"worker", Health::note, one->why, fmt::format("{}; {}", one->remedy, meanwhile)};
    if (const auto why = no_worker(gpu_options(settings)))
      return {"worker", Health::note, *why, "correct or unset AK_WORKER, or install this build's ak-worker; " + meanwhile};
  } catch (const Error& error) {
    return {"worker", Health::bad, error.what(), "correct what the driver complains of"};
  }
  return {"worker", Health::good, program, ""};
}

// What makes kernels of C loops.
Check check_loops(const Settings& settings) {
  const std::string meanwhile = "loops that are known are served without it";
  try {
    const std::string analyser = port::find_analyser(settings.analyser);
    const std::string compiler = port::find_compiler(settings.compiler);
    if (on_path("clang").empty())
      return {"loops", Health::note, "no clang on PATH, with which ak-analyse reads C", "install clang; " + meanwhile};
    loop::EmulatorOptions options;
    options.worker = settings.worker;
    loop::Emulator("extern \"C\" __global__ void nothing() {}", {"nothing"}, options);
    if (const std::string missing = missing_from_box(); !missing.empty())
      return {"loops", Health::note, "this system lacks " + missing, "run kernels that others wrote elsewhere"};
    return {"loops", Health::good, fmt::format("{}, {}", analyser, compiler), ""};
  } catch (const Error& error) {
    return {"loops", Health::note, error.what(), meanwhile};
  }
}

Check check_llm(const Settings& settings) {
  if (!has_llm())
    return {"LLM", Health::note, "none: this ak was built with AK_WITH_LLM=OFF", "build it with AK_WITH_LLM=ON to ask one"};
  if (settings.llm.empty()) return {"LLM", Health::good, "none: the built-in proposers search", ""};
  try {
    const auto chat = make_chat({settings.llm, settings.llm_endpoint, settings.llm_model, settings.llm_key});
    if (has_own_server(settings.llm) && settings.llm_endpoint.empty() && !settings.llm_key)
      return {"LLM", Health::bad, chat->describe() + ", no key", "set AK_LLM_KEY, or AK_LLM_KEY_FILE to a file that holds it"};
    if (settings.llm_key && settings.llm_key().empty())
      return {"LLM", Health::bad, chat->describe() + ", the key is empty", "correct AK_LLM_KEY or AK_LLM_KEY_FILE"};
    return {"LLM", Health::good, chat->describe() + " (not asked)", ""};
  } catch (const Error& error) {
    return {"LLM", Health::bad, error.what(), "correct the AK_LLM variable; `ak env` shows them all"};
  }
}

// Who lets an LLM's kernels of loops in, and whether they can be proven.
std::optional<Check> check_llm_code(const Settings& settings) {
  if (settings.llm_code == LlmCode::off) return std::nullopt;
  const bool kept = settings.llm_code == LlmCode::kept;
  if (settings.isolation == Isolation::in_process)
    return Check{"AK_LLM_CODE", Health::note,
                 "kernels that an LLM wrote are launched in the worker first, which AK_ISOLATION takes away",
                 "unset AK_ISOLATION, or AK_LLM_CODE"};
  return Check{"AK_LLM_CODE", Health::note,
               kept ? "kept: kernels that an LLM wrote for a loop serve once they are proven"
                    : "worker: kernels that an LLM writes for a loop are proven, and never serve",
               "unset it for kernels of templates alone"};
}

Check check_file(const char* what, const std::string& path, const char* variable) {
  if (access(path.c_str(), R_OK) != 0)
    return {what, Health::bad, path + " cannot be read", fmt::format("correct or unset {}", variable)};
  return {what, Health::note, path, fmt::format("{} is set; unset it for normal use", variable)};
}

// Settings under which some searches, or all, do not happen.
std::vector<Check> check_tuning(const Settings& settings) {
  std::vector<Check> checks;
  const auto note = [&](const char* variable, std::string detail) {
    checks.push_back({variable, Health::note, std::move(detail), "unset it to tune as usual"});
  };
  if (settings.mode == Mode::off) note("AK_MODE", "off: nothing is tuned, cuBLASLt serves");
  if (settings.mode == Mode::hit) note("AK_MODE", "hit: only what is known already serves, nothing is tuned");
  if (settings.mode == Mode::record) note("AK_MODE", "record: as hit, and what is asked for goes to " + settings.record_file);
  if (settings.force_tactic) note("AK_FORCE_TACTIC", to_string(*settings.force_tactic) + ": serves all, nothing is tuned");
  if (settings.process_budget_s <= 0) note("AK_PROCESS_BUDGET_S", "0: no time for any search, nothing is tuned");
  if (settings.search_bytes > 0)
    note("AK_SEARCH_BYTES",
         fmt::format("{:.1f} MiB: what takes more to search is not tuned", settings.search_bytes / 1048576.0));
  return checks;
}

// Where device code is read from instead of the embedded copy.
Check check_kernel_folder(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator each(folder, error), end; !error && each != end; each.increment(error))
    if (each->path().extension() == ".cu") return check_file("kernels", folder, "AK_KERNEL_DIR");
  return {"kernels", Health::bad, folder + ": no kernel file (*.cu) in it", "correct or unset AK_KERNEL_DIR"};
}

// Variables that look like ours and are nobody's: most likely misspelt.
std::vector<Check> check_variables(const Settings& settings) {
  std::vector<std::string> known{"AK_BUILD_DIR",           "AK_PROVE", "AK_PROGRESS", "AK_LATENCY", "AK_TOOL", "AK_TEST_ALL",
                                 "AK_TEST_EVERY_CANDIDATE"};  // of the scripts
  for (const auto& entry : settings.entries) known.push_back(entry.variable);
  std::vector<Check> checks;
  for (char** each = environ; *each; ++each) {
    const std::string text = *each, name = text.substr(0, text.find('='));
    if (!name.starts_with("AK_") || std::ranges::find(known, name) != known.end()) continue;
    const std::string meant = nearest(name, known);
    checks.push_back({name, Health::note, "no such variable: it is not read",
                      meant.empty() ? "`ak env` lists those that are" : fmt::format("{} is read", meant)});
  }
  return checks;
}

int doctor(bool json) {
  const Settings settings = resolve_all({});
  std::vector<Check> checks = {check_driver(),        check_nvrtc(),          check_cublaslt(),      check_cache(settings),
                               check_packs(settings), check_worker(settings), check_loops(settings), check_llm(settings)};
  for (const auto& entry : settings.entries)
    if (!entry.fault.empty())
      checks.push_back({entry.variable, Health::bad, entry.fault, "correct or unset it; every call fails until then"});
  if (auto check = check_llm_code(settings)) checks.push_back(*std::move(check));
  for (Check& check : check_tuning(settings)) checks.push_back(std::move(check));
  for (Check& check : check_variables(settings)) checks.push_back(std::move(check));
  if (!settings.recording.empty()) checks.push_back(check_file("recording", settings.recording, "AK_RECORDING"));
  if (const std::string folder = kernel_folder(); !folder.empty()) checks.push_back(check_kernel_folder(folder));

  constexpr const char* kNames[] = {"ok", "note", "missing"};
  Json rows = Json::array();
  bool all_good = true;
  for (const Check& c : checks) {
    const char* health = kNames[static_cast<int>(c.health)];
    all_good &= c.health != Health::bad;
    rows.push_back({{"what", c.what}, {"health", health}, {"detail", c.detail}, {"remedy", c.remedy}});
    if (json) continue;
    fmt::print("{:<8} {:<10} {}\n", health, c.what, c.detail);
    if (!c.remedy.empty()) fmt::print("{:19} {}\n", "", c.remedy);
  }
  if (json) print_json(rows);
  if (all_good) return kOk;
  return checks[0].health == Health::bad ? kUnavailable : kFailed;
}

}  // namespace

void add_doctor(Program& program) {
  auto json = std::make_shared<bool>(false);
  Command command =
      program.add_command("doctor", "Check driver, libraries, cache and LLM settings; each fault with its remedy");
  command.flag("--json", *json, "JSON instead of text");
  command.on_run([json] { return doctor(*json); });
}

}  // namespace ak::cli
