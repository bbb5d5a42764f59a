#include <fmt/format.h>

#include "cache/pack.hpp"
#include "cache/record_fields.hpp"
#include "cli/cli.hpp"
#include "core/roofline.hpp"

namespace ak::cli {

void print_json(const Json& json) { fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace)); }

std::string shown_vendor(double vendor_us, double us) {
  return fmt::format("cuBLASLt's best {}{}", shown_us(vendor_us),
                     us > 0 && vendor_us > 0 ? fmt::format(" ({:.3f}x)", vendor_us / us) : "");
}

std::string shown_search(int trials, double seconds) {
  return fmt::format("{} {} in {:.2f} s", trials, trials == 1 ? "trial of an own kernel" : "trials of own kernels", seconds);
}

double floor_us(const Problem& problem, const DeviceFacts& device) {
  const DeviceFacts h200;
  const bool known = device.name == h200.name && device.mig == h200.mig;
  return roofline(problem, known ? h200 : device).floor_us();
}

std::string shown_tokens(const TokenRange& tokens) {
  return tokens.from == tokens.to ? fmt::format("{}", tokens.to) : fmt::format("{} to {}", tokens.from, tokens.to);
}

namespace {
Json json_of(const TokenRange& tokens) { return tokens.none() ? Json() : Json::array({tokens.from, tokens.to}); }
}  // namespace

Json to_json(const Explanation& e) {
  return {{"problem", e.problem},     {"hardware", e.hardware},
          {"served_by", e.served_by}, {"source", e.source},
          {"proposer", e.proposer},   {"us", e.us},
          {"vendor_us", e.vendor_us}, {"trials", e.trials},
          {"search_s", e.search_s},   {"from_recording", e.from_recording},
          {"note", e.note},           {"bucket", json_of(e.bucket)}};
}

namespace {

Json json_of(const auto& plain) { return plain; }
Json json_of(const Problem& problem) { return to_string(problem); }
Json json_of(const Tactic& tactic) { return to_string(tactic); }
Json json_of(const Digest& digest) { return digest.hex(); }
Json json_of(Outcome outcome) { return name(outcome); }
Json json_of(Regime regime) { return name(regime); }
Json json_of(const PerRegime<double>& us) {
  Json json;
  for (int i = 0; i < kTimedRegimes; ++i) json[std::string(name(static_cast<Regime>(i)))] = us[i];
  return json;
}

// Every field of a record that a person can read.
struct FieldsAsJson {
  Json& json;
  template <class Field>
  void operator()(const char* name, const Field& field, int = 1) {
    json[name] = json_of(field);
  }
  void operator()(const char*, Opaque<const std::string>, int = 1) {}
  void operator()(const char*, GoneGeometry, int = 1) {}
};

template <class Record>
Json fields_of(const Record& record) {
  Json json;
  for_each_field(record, FieldsAsJson{json});
  return json;
}

}  // namespace

void RecordLines::say(std::string_view what, const std::string& of, const std::string& why) {
  if (json_)
    rows_.push_back({{"what", what}, {"of", of}, {"why", why}});
  else
    fmt::print("{:<8} {}{}{}\n", what, printable_line(of), why.empty() ? "" : ": ", printable_line(why));
}

void RecordLines::end(Json counts, const std::string& text) {
  if (!json_) return fmt::print("{}\n", text);
  counts["records"] = std::move(rows_);
  print_json(counts);
}

Json to_json(const Trial& trial) { return fields_of(trial); }
Json to_json(const PlanRecord& record) {
  Json json = {{"kind", kGemm}};
  json.update(fields_of(record));
  json["unproven"] = unproven(record);
  return json;
}

Json to_json(const WorkRecord& r) {
  return {{"kind", r.kind}, {"key", r.key}, {"text", r.text}, {"local_bytes", r.local.size()}, {"unproven", unproven(r)}};
}

bool tuned(const Explanation& e) { return e.source != "none" && e.source != "vendor fallback" && e.source != "untuned"; }

void print(const Explanation& e) {
  fmt::print("problem    {}\n", e.problem);
  fmt::print("hardware   {}{}\n", e.hardware, e.from_recording ? "  (times come from a recording, nothing was launched)" : "");
  fmt::print("served by  {}\n", e.served_by);
  if (!e.bucket.none()) fmt::print("bucket     m {}\n", shown_tokens(e.bucket));
  fmt::print("source     {}", e.source);
  if (!e.proposer.empty()) fmt::print(", named by {}", e.proposer);
  fmt::print("\ntime       {}   {}\n", shown_us(e.us), shown_vendor(e.vendor_us, e.us));
  fmt::print("search     {}\n", shown_search(e.trials, e.search_s));
  if (!e.note.empty()) fmt::print("note       {}\n", e.note);
}

}  // namespace ak::cli
