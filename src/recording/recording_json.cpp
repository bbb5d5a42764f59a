#include "recording/recording_json.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "ak/types.hpp"
#include "base/json_value.hpp"

namespace ak::recording_json {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr const char* kSchema = "1.0.0";  // of T4

// --- writing --------------------------------------------------------------------------------------------------------------

using Json = nlohmann::ordered_json;

Json header_json(const RecordingHeader& h) {
  const DeviceFacts& d = h.device;
  Json digests = Json::object();
  for (const auto& [family, digest] : h.digests) digests[family] = digest.hex();
  return {{"format", kFormat},
          {"problem", to_string(h.problem)},
          {"device",
           {{"name", d.name},
            {"compute_major", d.compute_major},
            {"compute_minor", d.compute_minor},
            {"sm_count", d.sm_count},
            {"smem_per_block", d.smem_per_block},
            {"smem_per_sm", d.smem_per_sm},
            {"registers_per_sm", d.registers_per_sm},
            {"l2_bytes", d.l2_bytes},
            {"clock_ghz", d.clock_ghz},
            {"memory_tb_s", d.memory_tb_s},
            {"mig", d.mig}}},
          {"digests", digests},
          {"space", h.space},
          {"space_size", h.space_size},
          {"date", h.date},
          {"driver", h.driver},
          {"nvrtc", h.nvrtc},
          {"cublaslt", h.cublaslt}};
}

Json measurement(const char* name, Json value, const char* unit) { return {{"name", name}, {"value", value}, {"unit", unit}}; }

Json trial_json(const RecordedTrial& recorded) {
  const Trial& t = recorded.trial;
  Json configuration{{"family", name(t.tactic.family)}};
  for (const Knob& knob : kKnobs)
    if (t.tactic.*knob.member != knob.unset) configuration[std::string(knob.name)] = t.tactic.*knob.member;
  Json measurements = Json::array();
  if (t.correct()) measurements.push_back(measurement("time", t.us, "us"));
  if (t.ratio > 0) measurements.push_back(measurement("ratio", t.ratio, ""));
  if (recorded.final_us > 0) measurements.push_back(measurement("final_time", recorded.final_us, "us"));
  if (t.registers > 0) measurements.push_back(measurement("registers", t.registers, ""));
  if (t.smem_bytes > 0) measurements.push_back(measurement("smem", t.smem_bytes, "B"));
  if (t.spill_bytes > 0) measurements.push_back(measurement("spills", t.spill_bytes, "B"));
  Json out{
      {"configuration", configuration}, {"times", {{"compilation_time", t.compile_s * 1e6}}}, {"invalidity", name(t.outcome)}};
  if (!t.why.empty()) out["why"] = t.why;
  out["measurements"] = measurements;
  return out;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// --- reading --------------------------------------------------------------------------------------------------------------

using Value = JsonValue;

template <class Read>
auto parse(const std::string& file, std::string_view text, Read&& read) {
  std::invoke_result_t<Read, const Value&> out;
  read_json(fmt::format("recording {}", file), text, [&](const Value& whole) { out = read(whole); });
  return out;
}

Digest read_digest(const Value& v) {
  const std::string text = v.text();
  Digest out;
  const char* middle = text.data() + 16;
  const auto hex = [](const char* from, const char* to, std::uint64_t& value) {
    return std::from_chars(from, to, value, 16).ptr == to;
  };
  if (text.size() != 32 || !hex(text.data(), middle, out.high) || !hex(middle, middle + 16, out.low))
    v.bad("expected 32 hexadecimal digits");
  return out;
}

RecordingHeader read_header(const Value& v) {
  if (const auto format = v["format"].integer(1, 1 << 30); format > kFormat)
    v["format"].bad(fmt::format("written in format {} by a newer version; this one reads up to {}", format, kFormat));
  RecordingHeader h;
  try {
    h.problem = parse_problem(v["problem"].text());
  } catch (const Error& error) {
    v["problem"].bad(error.what());
  }
  const Value device = v["device"];
  DeviceFacts& d = h.device;
  d.name = device["name"].text();
  d.compute_major = device["compute_major"].count(), d.compute_minor = device["compute_minor"].count();
  d.sm_count = device["sm_count"].count();
  d.smem_per_block = device["smem_per_block"].count(), d.smem_per_sm = device["smem_per_sm"].count();
  d.registers_per_sm = device["registers_per_sm"].count();
  d.l2_bytes = device["l2_bytes"].integer(0, std::int64_t{1} << 50);
  d.clock_ghz = device["clock_ghz"].positive(), d.memory_tb_s = device["memory_tb_s"].positive();
  d.mig = device["mig"].text();
  v["digests"].members(
      [&](std::string_view family, const Value& digest) { h.digests[std::string(family)] = read_digest(digest); });
  h.space = v["space"].text(), h.space_size = v["space_size"].count(), h.date = v["date"].text();
  h.driver = v["driver"].text(), h.nvrtc = v["nvrtc"].text(), h.cublaslt = v["cublaslt"].text();
  return h;
}

RecordedTrial read_trial(const Value& v) {
  RecordedTrial recorded;
  Trial& t = recorded.trial;
  bool family_given = false;
  v["configuration"].members([&](std::string_view key, const Value& value) {
    if (key == "family") {
      const auto family = parse_family(value.text());
      if (!family) value.bad("not a kernel family");
      t.tactic.family = *family, family_given = true;
    } else {
      const Knob* knob = find_knob(key);
      if (!knob) value.bad("no such knob");
      t.tactic.*knob->member = static_cast<std::int16_t>(value.integer(0, most_of(*knob)));
    }
  });
  if (!family_given) v["configuration"].bad("names no family");
  t.compile_s = v["times"]["compilation_time"].positive() * 1e-6;
  const auto outcome = parse_outcome(v["invalidity"].text());
  if (!outcome) v["invalidity"].bad("not an outcome");
  t.outcome = *outcome;
  if (const auto why = v.find("why")) t.why = why->text();
  v["measurements"].items([&](const Value& item) {
    const std::string what = item["name"].text();
    const Value value = item["value"];
    if (what == "time") t.us = value.positive();
    if (what == "ratio") t.ratio = value.positive();
    if (what == "final_time") recorded.final_us = value.positive();
    if (what == "registers") t.registers = value.count();
    if (what == "smem") t.smem_bytes = value.count();
    if (what == "spills") t.spill_bytes = value.count();
  });
  if (t.correct() && t.us <= 0) v["measurements"].bad("a correct trial needs a time above 0");
  return recorded;
}

}  // namespace

std::string header_line(const RecordingHeader& header) { return text_of(header_json(header)); }
std::string trial_line(const RecordedTrial& trial) { return text_of(trial_json(trial)); }

std::string document(const Recording& r) {
  Json metadata = header_json(r.header);
  metadata["timeunit"] = "microseconds";
  metadata["anchor_drift"] = r.anchor_drift;
  metadata["vendor"] = {{"best_us", r.vendor.best_us},
                        {"first_us", r.vendor.first_us},
                        {"gemm_us", r.vendor.gemm_us},
                        {"fused_us", r.vendor.fused_us},
                        {"separate_us", r.vendor.separate_us}};
  Json results = Json::array();
  for (const auto& trial : r.trials) results.push_back(trial_json(trial));
  return text_of(Json{{"schema_version", kSchema}, {"metadata", metadata}, {"results", results}});
}

RecordingHeader parse_header(const std::string& file, std::string_view text) { return parse(file, text, read_header); }
RecordedTrial parse_trial(const std::string& file, std::string_view text) { return parse(file, text, read_trial); }

Recording parse_document(const std::string& file, std::string_view text) {
  return parse(file, text, [](const Value& v) {
    Recording r;
    const Value metadata = v["metadata"];
    r.header = read_header(metadata);
    r.anchor_drift = metadata["anchor_drift"].positive();
    const Value vendor = metadata["vendor"];
    r.vendor = {vendor["best_us"].positive(), vendor["first_us"].positive(), vendor["gemm_us"].positive(),
                vendor["fused_us"].positive(), vendor["separate_us"].positive()};
    v["results"].items([&](const Value& item) { r.trials.push_back(read_trial(item)); });
    return r;
  });
}

}  // namespace ak::recording_json
