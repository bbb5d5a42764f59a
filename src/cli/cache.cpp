// The cache, as the commands that read or fill it open it.
#include <fmt/format.h>

#include <filesystem>

#include "cli/cli.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"
#include "families/family.hpp"

namespace ak::cli {

std::shared_ptr<Store> open_cache(const std::string& folder) {
  return folder.empty() ? memory_store("AK_CACHE_DIR is empty") : open_store(folder);
}

std::shared_ptr<Store> open_cache_to_read(const std::string& folder, bool named) {
  std::error_code error;
  const bool absent = std::filesystem::status(folder, error).type() == std::filesystem::file_type::not_found;
  if (folder.empty() || !absent) return open_cache(folder);
  if (named) throw Error(ErrorCode::internal, fmt::format("{}: no such folder", folder));
  return memory_store(fmt::format("{} is not there yet", folder));
}

bool cannot_be_read(const Store& store) {
  const std::string why = store.fault().reading;
  if (!why.empty()) fmt::print(stderr, "ak: the records cannot be read: {}\n", why);
  return !why.empty();
}

DeviceFacts facts_of(const Hardware& hardware) {
  DeviceFacts facts;
  facts.name = hardware.gpu, facts.compute_major = hardware.compute / 10, facts.compute_minor = hardware.compute % 10;
  facts.sm_count = hardware.sm_count;
  return facts;
}

std::optional<std::string> impossible(const PlanRecord& r) {
  if (r.problem.batch != 1) return "batches are not served yet";
  if (is_vendor(r.tactic)) return std::nullopt;
  return family(r.tactic.family).rejects(r.problem, r.tactic, facts_of(r.hardware));
}

void HardwareFilter::add_to(Command& command) {
  command.option("--hardware", text, "only records of hardware whose description has this text: H200, \"132 SMs\"");
}

bool HardwareFilter::takes(const PlanRecord& record) const { return describe(record.hardware).find(text) != std::string::npos; }
bool HardwareFilter::takes(const WorkRecord& record) const { return record.key.find(text) != std::string::npos; }

}  // namespace ak::cli
