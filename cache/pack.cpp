#include "cache/pack.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "ak/types.hpp"
#include "base/atomic_file.hpp"
#include "base/embedded.hpp"

namespace ak {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::int64_t kPackFormat = 1;
constexpr std::string_view kSuffix = ".pack";

// --- writing -----------------------------------------------------------------------------------------------------------

double rounded(double us) { return std::round(us * 1000) / 1000; }

// What the records below it have in common.
Json made_line(const PlanRecord& r) {
  const Hardware& h = r.hardware;
  Json j{{"gpu", h.gpu}, {"compute", h.compute}, {"sm_count", h.sm_count}};
  if (!h.mig.empty()) j["mig"] = h.mig;
  if (!h.recording.empty()) j["recording"] = h.recording;
  j["driver"] = r.provenance.driver, j["nvrtc"] = r.provenance.nvrtc, j["cublaslt"] = r.provenance.cublaslt;
  return j;
}

Json record_line(const PackEntry& entry) {
  const PlanRecord& r = entry.record;
  Json j{{"problem", to_string(r.problem)}, {"tactic", to_string(r.tactic)}};
  if (entry.own) j["own"] = to_string(*entry.own);
  j["us"] = rounded(r.us), j["vendor_us"] = rounded(r.vendor_us);
  if (!(r.provenance.family_source == Digest{})) j["source"] = r.provenance.family_source.hex();
  if (!(r.provenance.kernel_source == Digest{})) j["kernel"] = r.provenance.kernel_source.hex();
  if (!r.provenance.proposer.empty()) j["proposer"] = r.provenance.proposer;
  if (r.provenance.unix_time) j["time"] = r.provenance.unix_time;
  if (r.provenance.provisional) j["provisional"] = true;
  if (!r.bucket.none()) j["bucket"] = {r.bucket.from, r.bucket.to};
  return j;
}

Json work_line(const WorkRecord& r) { return {{"kind", r.kind}, {"key", r.key}, {"text", r.text}}; }

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string checksum(std::string_view text) { return digest(text).hex(); }

// --- reading -----------------------------------------------------------------------------------------------------------

struct Bad {
  std::string what;
};

std::string_view text(simdjson::dom::element line, const char* field) {
  std::string_view value;
  if (line[field].get(value) != simdjson::SUCCESS) throw Bad{fmt::format("no text '{}'", field)};
  return value;
}

std::string optional_text(simdjson::dom::element line, const char* field) {
  std::string_view value;
  return line[field].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

std::int64_t integer(simdjson::dom::element line, const char* field, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  if (line[field].get(value) != simdjson::SUCCESS || value < least || value > most)
    throw Bad{fmt::format("no whole number '{}' from {} to {}", field, least, most)};
  return value;
}

double microseconds(simdjson::dom::element line, const char* field) {
  double value = 0;
  if (line[field].get(value) != simdjson::SUCCESS || !(value >= 0 && std::isfinite(value)))
    throw Bad{fmt::format("no time '{}'", field)};
  return value;
}

Digest optional_digest(simdjson::dom::element line, const char* field) {
  const std::string hex = optional_text(line, field);
  if (hex.empty()) return {};
  if (hex.size() != 32 || hex.find_first_not_of("0123456789abcdef") != hex.npos)
    throw Bad{fmt::format("'{}' is not a digest", field)};
  Digest digest;
  std::from_chars(hex.data(), hex.data() + 16, digest.high, 16);
  std::from_chars(hex.data() + 16, hex.data() + 32, digest.low, 16);
  return digest;
}

// Absent: the record is of its problem alone.
TokenRange bucket(simdjson::dom::element line, const Problem& problem) {
  const auto range = line["bucket"];
  if (range.error() == simdjson::NO_SUCH_FIELD) return {};
  TokenRange tokens;
  if (range.at(0).get(tokens.from) != simdjson::SUCCESS || range.at(1).get(tokens.to) != simdjson::SUCCESS ||
      !tokens.holds(problem.m) || tokens.from < 1)
    throw Bad{"'bucket' is not the first and the last m of the record's bucket"};
  return tokens;
}

class PackReader {
 public:
  PackReader(std::string name, const std::string& file) : file_(file) { pack_.name = std::move(name); }

  Pack read(std::string_view text) {
    if (text.empty()) return std::move(pack_);
    const auto head_end = text.find('\n');
    const auto below = std::min(head_end, text.size() - 1) + 1;
    if (!head(text.substr(0, head_end), text.substr(below))) return std::move(pack_);
    text.remove_prefix(below);
    for (line_ = 2; !text.empty(); ++line_) {
      const auto end = std::min(text.find('\n'), text.size());
      if (end > 0) guarded(text.substr(0, end), [&](simdjson::dom::element each) { line(each); });
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(pack_);
  }

 private:
  void fault(std::string_view what) { pack_.faults.push_back(fmt::format("{}:{}: {}", file_, line_, what)); }

  template <class Body>
  bool guarded(std::string_view text, Body&& body) {
    try {
      simdjson::dom::element parsed;
      const simdjson::padded_string padded(text);
      if (const auto error = parser_.parse(padded).get(parsed)) throw Bad{simdjson::error_message(error)};
      if (!parsed.is_object()) throw Bad{"not an object"};
      body(parsed);
      return true;
    } catch (const Bad& bad) {
      fault(bad.what);
    } catch (const Error& error) {  // of a problem's or a tactic's text
      fault(error.what());
    }
    return false;
  }

  bool is_head(std::string_view first) {
    const simdjson::padded_string padded(first);
    return parser_.parse(padded)["ak_pack"].error() == simdjson::SUCCESS;
  }

  bool head(std::string_view first, std::string_view rest) {
    if (!is_head(first)) return fault(R"(not an Autokernel pack: its first line is not {"ak_pack":...})"), false;
    return guarded(first, [&](simdjson::dom::element line) {
      if (const auto format = integer(line, "ak_pack", 1, 1000000); format > kPackFormat)
        throw Bad{fmt::format("written in format {} by a newer version; this one reads up to {}", format, kPackFormat)};
      if (text(line, "checksum") != checksum(rest))
        throw Bad{"the checksum does not match the lines below: damaged or edited since `ak pack` wrote it"};
    });
  }

  void line(simdjson::dom::element line) {
    if (line["gpu"].error() == simdjson::SUCCESS) {
      known_ = false;  // until all of it was read
      made_ = {};
      made_.hardware = {std::string(text(line, "gpu")), static_cast<int>(integer(line, "compute", 0, 10000)),
                        static_cast<int>(integer(line, "sm_count", 0, 100000)), optional_text(line, "mig"),
                        optional_text(line, "recording")};
      made_.provenance.driver = text(line, "driver");
      made_.provenance.nvrtc = text(line, "nvrtc");
      made_.provenance.cublaslt = text(line, "cublaslt");
      known_ = true;
      return;
    }
    if (line["kind"].error() == simdjson::SUCCESS) return work(line);
    if (!known_) throw Bad{"a record before any line that says where it was made"};
    PackEntry entry{made_, std::nullopt};
    PlanRecord& r = entry.record;
    r.problem = parse_problem(text(line, "problem"));
    r.tactic = parse_tactic(text(line, "tactic"));
    if (const auto own = optional_text(line, "own"); !own.empty()) entry.own = parse_tactic(own);
    r.us = microseconds(line, "us"), r.vendor_us = microseconds(line, "vendor_us");
    r.provenance.family_source = optional_digest(line, "source");
    r.provenance.kernel_source = optional_digest(line, "kernel");
    r.provenance.proposer = optional_text(line, "proposer");
    if (line["time"].error() == simdjson::SUCCESS)
      r.provenance.unix_time = integer(line, "time", 0, std::numeric_limits<std::int64_t>::max());
    if (line["provisional"].get(r.provenance.provisional) == simdjson::INCORRECT_TYPE)
      throw Bad{"'provisional' is not true or false"};
    r.bucket = bucket(line, r.problem);
    pack_.entries.push_back(std::move(entry));
  }

  // Of any kind: whoever knows it proves what the text says.
  void work(simdjson::dom::element line) {
    WorkRecord record{std::string(text(line, "kind")), std::string(text(line, "key")), std::string(text(line, "text")), {}};
    if (record.kind == kQuarantine) throw Bad{"a quarantine holds where it was found, and does not travel"};
    if (record.kind.empty() || record.text.empty()) throw Bad{"'kind' or 'text' is empty"};
    pack_.work.push_back(std::move(record));
  }

  const std::string file_;
  simdjson::dom::parser parser_;
  Pack pack_;
  std::size_t line_ = 1;
  PlanRecord made_;
  bool known_ = false;
};

// What travels: neither the machine's own products nor how the search went.
PackEntry portable(PackEntry entry) {
  PlanRecord& r = entry.record;
  if (is_vendor(r.tactic)) {
    r.tactic = Tactic{};
    r.tactic.family = FamilyId::vendor;
  } else {
    entry.own.reset();
  }
  r.cubin = {}, r.vendor_algo.clear();
  r.regime = {}, r.regime_us = {}, r.regime_vendor_us = {};
  return entry;
}

}  // namespace

bool unproven(const PlanRecord& record) {
  if (!is_vendor(record.tactic)) return record.cubin == Digest{};
  return record.vendor_algo.empty() && record.hardware.recording.empty();  // a recording has no algorithms
}

bool unproven(const WorkRecord& record) { return record.local.empty(); }

std::string pack_text(std::vector<PackEntry> entries, const std::vector<WorkRecord>& work) {
  const auto order = [](const Problem& p) { return std::tuple(p.m, p.n, p.k, to_string(p)); };
  std::map<std::string, std::map<decltype(order(Problem{})), std::string>> groups;
  std::map<std::array<unsigned char, 16>, const PackEntry*> last;
  for (PackEntry& entry : entries) {
    entry = portable(std::move(entry));
    last[key_of(entry.record.problem, entry.record.hardware).bytes()] = &entry;
  }
  for (const auto& [key, entry] : last)
    groups[text_of(made_line(entry->record))][order(entry->record.problem)] = text_of(record_line(*entry));
  std::string lines;
  for (const auto& [made, records] : groups) {
    lines += made + "\n";
    for (const auto& [at, line] : records) lines += line + "\n";
  }
  std::map<std::pair<std::string_view, std::string_view>, const WorkRecord*> others;
  for (const WorkRecord& record : work)
    if (!record.text.empty()) others[{record.kind, record.key}] = &record;
  for (const auto& [key, record] : others) lines += text_of(work_line(*record)) + "\n";
  return text_of(Json{{"ak_pack", kPackFormat}, {"records", last.size() + others.size()}, {"checksum", checksum(lines)}}) +
         "\n" + lines;
}

Pack parse_pack(std::string name, const std::string& file, std::string_view text) {
  return PackReader(std::move(name), file).read(text);
}

Pack read_pack(const std::string& file) {
  const auto bad = [&](const char* why) { return Pack{"pack " + file, {}, {}, {fmt::format("{}: {}", file, why)}}; };
  std::error_code error;
  const auto type = std::filesystem::status(file, error).type();
  if (type == std::filesystem::file_type::not_found) return bad("no such file");
  if (type == std::filesystem::file_type::directory) return bad("is a folder");
  if (type != std::filesystem::file_type::regular) return bad("cannot be read");  // a FIFO's opening would wait
  std::ifstream in(file, std::ios::binary);
  if (!in) return bad("cannot be read");
  const std::string all(std::istreambuf_iterator<char>(in), {});
  if (all.empty()) return bad("is empty");
  return parse_pack("pack " + file, file, all);
}

void write_pack(const std::string& file, std::vector<PackEntry> entries, const std::vector<WorkRecord>& work) {
  if (const auto why = write_atomically(file, pack_text(std::move(entries), work)))
    throw Error(ErrorCode::internal, fmt::format("{}: cannot be written: {}", file, *why));
}

Pack shipped_pack() {
  Pack all{"shipped pack", {}, {}, {}};
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.name.ends_with(kSuffix)) continue;
    Pack pack = parse_pack(all.name, "shipped " + std::string(file.name), file.text);
    all.entries.insert(all.entries.end(), pack.entries.begin(), pack.entries.end());
    all.work.insert(all.work.end(), pack.work.begin(), pack.work.end());
    all.faults.insert(all.faults.end(), pack.faults.begin(), pack.faults.end());
  }
  return all;
}

}  // namespace ak
