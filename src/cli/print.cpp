#include <fmt/format.h>

#include <algorithm>

#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "core/roofline.hpp"

namespace ak::cli {

void print_json(const Json& json) { fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace)); }

std::string shown_us(double us) {
  if (us <= 0) return "-";
  return us < 1000 ? fmt::format("{:.2f} us", us) : fmt::format("{:.3f} ms", us / 1000);
}

double floor_us(const Problem& problem, const DeviceFacts& device) {
  constexpr double kSustained = 0.738;  // of the peak at the boost clock: 790 TFLOP/s on an H200, which power holds there
  const Roofline roof = roofline(problem, device);
  return std::max(roof.memory_us, roof.tensor_us / kSustained) + 0.8;
}

Json to_json(const Explanation& e) {
  return {{"problem", e.problem},
          {"hardware", e.hardware},
          {"served_by", e.served_by},
          {"source", e.source},
          {"proposer", e.proposer},
          {"us", e.us},
          {"vendor_us", e.vendor_us},
          {"trials", e.trials},
          {"search_s", e.search_s},
          {"from_recording", e.from_recording},
          {"note", e.note}};
}

Json to_json(const Trial& t) {
  return {{"tactic", to_string(t.tactic)},
          {"outcome", name(t.outcome)},
          {"why", t.why},
          {"us", t.us},
          {"ratio", t.ratio},
          {"final_timing", t.final_timing},
          {"registers", t.registers},
          {"smem_bytes", t.smem_bytes},
          {"spill_bytes", t.spill_bytes},
          {"compile_s", t.compile_s},
          {"proposer", t.proposer},
          {"round", t.round}};
}

Json to_json(const PlanRecord& r) {
  const Provenance& p = r.provenance;
  return {{"problem", to_string(r.problem)},
          {"gpu", r.hardware.gpu},
          {"compute", r.hardware.compute},
          {"sm_count", r.hardware.sm_count},
          {"mig", r.hardware.mig},
          {"recording", r.hardware.recording},
          {"tactic", to_string(r.tactic)},
          {"us", r.us},
          {"vendor_us", r.vendor_us},
          {"cubin", r.cubin.hex()},
          {"driver", p.driver},
          {"nvrtc", p.nvrtc},
          {"cublaslt", p.cublaslt},
          {"family_source", p.family_source.hex()},
          {"kernel_source", p.kernel_source.hex()},
          {"proposer", p.proposer},
          {"round", p.round},
          {"unix_time", p.unix_time},
          {"trials", p.trials},
          {"search_s", p.search_s},
          {"provisional", p.provisional},
          {"note", p.note}};
}

Json to_json(const WorkRecord& r) {
  return {{"kind", r.kind}, {"key", r.key}, {"text", r.text}, {"local_bytes", r.local.size()}, {"unproven", unproven(r)}};
}

bool tuned(const Explanation& e) { return e.source != "none" && e.source != "vendor fallback" && e.source != "untuned"; }

void print(const Explanation& e) {
  fmt::print("problem    {}\n", e.problem);
  fmt::print("hardware   {}{}\n", e.hardware, e.from_recording ? "  (times come from a recording, nothing was launched)" : "");
  fmt::print("served by  {}\n", e.served_by);
  fmt::print("source     {}", e.source);
  if (!e.proposer.empty()) fmt::print(", named by {}", e.proposer);
  fmt::print("\ntime       {}   vendor {}", shown_us(e.us), shown_us(e.vendor_us));
  if (e.us > 0 && e.vendor_us > 0) fmt::print("   {:.3f}x", e.vendor_us / e.us);
  fmt::print("\nsearch     {} trials in {:.2f} s\n", e.trials, e.search_s);
  if (!e.note.empty()) fmt::print("note       {}\n", e.note);
}

}  // namespace ak::cli
