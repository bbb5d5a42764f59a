// The subcommands `record`, `table` and `loops`: none needs a GPU.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/atomic_file.hpp"
#include "gpu/device.hpp"
#include "jit/compiler.hpp"
#include "plan/vendor.hpp"
#include "prove/loop_record.hpp"
#include "prove/prove.hpp"
#include "prove/proof_table.hpp"

namespace ak::proof {

MachineFacts this_machine() {
  char date[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
  return {resources().facts().name, driver_version(), compiler_version(), vendor_version(), date};
}

int update_record(const Settings& settings) {
  Record record = read_record(settings.record);
  const ProgressFile progress(settings.progress, true);
  const MachineFacts& machine = progress.machine();
  if (machine.gpu.empty())
    throw Error(ErrorCode::invalid_argument, fmt::format("'{}' holds no run of a GPU", settings.progress));
  record.gpu = machine.gpu, record.driver = machine.driver, record.date = machine.date;
  record.nvrtc = machine.nvrtc, record.cublaslt = machine.cublaslt;
  // Only what was run with the sources as they stand.
  const auto digests = current_digests();
  std::map<std::string, Step> steps;
  std::vector<std::string> proven;
  for (const auto& [id, step] : progress.steps()) {
    const auto own = digests.find(step.group);
    if (step.digest != (own != digests.end() ? own->second : all_digests())) continue;
    steps[id] = step;
    if (own != digests.end() && std::find(proven.begin(), proven.end(), step.group) == proven.end())
      proven.push_back(step.group);
  }
  merge(record, steps, proven);
  write_record(settings.record, record);
  fmt::print("{}: {} steps merged, {} bench rows\n", settings.record, steps.size(), record.bench.size());
  return 0;
}

namespace {

// Between the marks of a file; nowhere when none is named.
void put_into(const std::string& path, const std::string& table, const std::string& mark = "measured") {
  if (path.empty()) return;
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string updated = with_table(text.str(), table, mark);
  if (!(std::ofstream(path, std::ios::binary) << updated))
    throw Error(ErrorCode::invalid_argument, fmt::format("cannot write '{}'", path));
}

}  // namespace

int print_table(const Settings& settings) {
  const Record record = read_record(settings.record);
  if (settings.classes) fmt::print("{}", class_tables(record));
  if (settings.every_row) fmt::print("{}\n", row_table(record));
  fmt::print("{}", table(record));
  put_into(settings.into, table(record));
  put_into(settings.summary_into, summary(record));
  return 0;
}

int print_loops(const Settings& settings) {
  const port::Results results = port::load_results(settings.results);
  std::optional<port::Results> larger;
  if (!settings.larger.empty()) larger = port::load_results(settings.larger);
  const std::string table = loop_table(results, larger ? &*larger : nullptr);
  fmt::print("{}\n{}", table, loop_names(results));
  if (larger) fmt::print("\nover a million elements:\n{}", loop_names(*larger));
  put_into(settings.into, table, "loops");
  const auto write = [&](const char* name, const port::Results& of) {
    const std::string file = settings.record + "/" + name;
    if (const auto why = write_atomically(file, loop_record(of)))
      throw Error(ErrorCode::invalid_argument, fmt::format("cannot write '{}': {}", file, *why));
  };
  if (!settings.record.empty()) write("loops.json", results);
  if (!settings.record.empty() && larger) write("loops_1m.json", *larger);
  return 0;
}

}  // namespace ak::proof
