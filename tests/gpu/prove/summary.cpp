// The subcommands `record` and `table`.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>

#include "gpu/device.hpp"
#include "jit/compiler.hpp"
#include "plan/vendor.hpp"
#include "prove/prove.hpp"
#include "prove/table.hpp"

namespace ak::proof {

int update_record(const Settings& settings) {
  Record record = read_record(settings.record);
  record.gpu = resources().facts().name, record.driver = driver_version();
  record.nvrtc = compiler_version(), record.cublaslt = vendor_version();
  char date[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
  record.date = date;
  // Only what was run with the sources as they stand.
  const auto digests = current_digests();
  std::map<std::string, Step> steps;
  std::vector<std::string> proven;
  const ProgressFile progress(settings.progress, true);
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

int print_table(const Settings& settings) {
  const Record record = read_record(settings.record);
  if (settings.classes) fmt::print("{}", class_tables(record));
  if (settings.every_row) fmt::print("{}\n", row_table(record));
  fmt::print("{}", table(record));
  if (settings.readme.empty()) return 0;
  std::ostringstream text;
  text << std::ifstream(settings.readme, std::ios::binary).rdbuf();
  const std::string updated = with_table(text.str(), table(record));
  if (!(std::ofstream(settings.readme, std::ios::binary) << updated))
    throw Error(ErrorCode::invalid_argument, fmt::format("cannot write '{}'", settings.readme));
  return 0;
}

}  // namespace ak::proof
