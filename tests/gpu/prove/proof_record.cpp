#include "prove/proof_record.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>

#include "families/family.hpp"
#include "jit/source.hpp"
#include "prove/suite.hpp"

namespace ak::proof {
namespace {

using json = nlohmann::ordered_json;
using simdjson::dom::element;

[[noreturn]] void bad(const std::string& what) { throw Error(ErrorCode::invalid_argument, what); }

std::string text(element e, const char* key) {
  std::string_view v;
  if (e[key].get(v) != simdjson::SUCCESS) bad(fmt::format("no text '{}'", key));
  return std::string(v);
}
double number(element e, const char* key) {
  double v;
  if (e[key].get(v) != simdjson::SUCCESS) bad(fmt::format("no number '{}'", key));
  return v;
}
std::int64_t integer(element e, const char* key) {
  std::int64_t v;
  if (e[key].get(v) != simdjson::SUCCESS) bad(fmt::format("no whole number '{}'", key));
  return v;
}
std::optional<double> maybe_number(element e, const char* key) {
  double v;
  return e[key].get(v) == simdjson::SUCCESS ? std::optional(v) : std::nullopt;
}

std::string maybe_text(element e, const char* key) {
  std::string_view v;
  return e[key].get(v) == simdjson::SUCCESS ? std::string(v) : std::string();
}

double rounded(double us) { return std::round(us * 1000) / 1000; }
json maybe(const std::optional<double>& v) { return v ? json(rounded(*v)) : json(nullptr); }

json to_json(const BenchRow& r) {
  json j;
  j["m"] = r.m, j["n"] = r.n, j["k"] = r.k, j["class"] = r.kind, j["dtype"] = r.dtype, j["activation"] = r.activation;
  if (!r.epilogue.empty()) j["epilogue"] = r.epilogue;
  j["ak_us"] = rounded(r.ak_us), j["own_us"] = maybe(r.own_us), j["own_tactic"] = r.own_tactic;
  j["own_digest"] = r.own_digest, j["default_us"] = maybe(r.default_us), j["default_tactic"] = r.default_tactic;
  j["vendor_us"] = rounded(r.vendor_us), j["lt_first_us"] = rounded(r.lt_first_us), j["lt_gemm_us"] = rounded(r.lt_gemm_us);
  j["lt_fused_us"] = maybe(r.lt_fused_us), j["lt_separate_us"] = maybe(r.lt_separate_us);
  j["clock_mhz"] = std::round(r.clock_mhz), j["search_s"] = rounded(r.search_s), j["trials"] = r.trials;
  j["rounds"] = r.rounds;
  return j;
}

BenchRow bench_row(element e) {
  BenchRow r;
  r.m = integer(e, "m"), r.n = integer(e, "n"), r.k = integer(e, "k");
  r.kind = text(e, "class"), r.dtype = text(e, "dtype"), r.activation = text(e, "activation");
  r.epilogue = maybe_text(e, "epilogue"), r.own_digest = maybe_text(e, "own_digest");
  r.default_us = maybe_number(e, "default_us"), r.default_tactic = maybe_text(e, "default_tactic");
  r.rounds = static_cast<int>(maybe_number(e, "rounds").value_or(1));
  r.ak_us = number(e, "ak_us"), r.own_us = maybe_number(e, "own_us"), r.own_tactic = text(e, "own_tactic");
  r.vendor_us = number(e, "vendor_us"), r.lt_first_us = number(e, "lt_first_us"), r.lt_gemm_us = number(e, "lt_gemm_us");
  r.lt_fused_us = maybe_number(e, "lt_fused_us"), r.lt_separate_us = maybe_number(e, "lt_separate_us");
  r.clock_mhz = number(e, "clock_mhz"), r.search_s = number(e, "search_s"), r.trials = static_cast<int>(integer(e, "trials"));
  return r;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

}  // namespace

std::string BenchRow::key() const {
  return fmt::format("{}x{}x{} {} {}{}{}", m, n, k, dtype, activation, epilogue.empty() ? "" : " ", epilogue);
}

bool BenchRow::operator<(const BenchRow& other) const {
  const auto order = [](const BenchRow& r) {
    return std::tuple(!r.epilogue.empty(), class_rank(r.kind), r.m, r.n, r.k, r.dtype, r.activation, r.epilogue);
  };
  return order(*this) < order(other);
}

std::map<std::string, std::string> current_digests() {
  std::map<std::string, std::string> digests;
  for (const Family* own : families()) digests[std::string(name(own->id()))] = source_digest(own->sources()).hex();
  return digests;
}

Record read_record(const std::string& path) {
  Record record;
  if (!std::filesystem::exists(path)) return record;
  simdjson::dom::parser parser;
  element root;
  const auto bytes = simdjson::padded_string(read_file(path));
  if (const auto error = parser.parse(bytes).get(root)) bad(fmt::format("{}: {}", path, simdjson::error_message(error)));
  try {
    record.gpu = text(root, "gpu"), record.driver = text(root, "driver"), record.date = text(root, "date");
    record.nvrtc = maybe_text(root, "nvrtc"), record.cublaslt = maybe_text(root, "cublaslt");
    for (const auto [key, value] : root["digests"].get_object())
      record.digests[std::string(key)] = std::string(value.get_string().value());
    for (const auto [key, value] : root["tests"]["by_group"].get_object())
      record.tests[std::string(key)] = {static_cast<int>(integer(value, "passed")), static_cast<int>(integer(value, "failed"))};
    for (const char* section : {"bench", "beyond"})
      if (simdjson::dom::array rows; root[section].get(rows) == simdjson::SUCCESS)
        for (const element row : rows) record.bench.push_back(bench_row(row));
    std::sort(record.bench.begin(), record.bench.end());
  } catch (const simdjson::simdjson_error& error) {
    bad(fmt::format("{}: {}", path, error.what()));
  }
  return record;
}

void write_record(const std::string& path, const Record& record) {
  json root;
  root["gpu"] = record.gpu, root["driver"] = record.driver;
  root["nvrtc"] = record.nvrtc, root["cublaslt"] = record.cublaslt, root["date"] = record.date;
  root["digests"] = record.digests;
  Count sum;
  json groups = json::object();
  for (const auto& [group, count] : record.tests) {
    sum.passed += count.passed, sum.failed += count.failed;
    groups[group] = {{"passed", count.passed}, {"failed", count.failed}};
  }
  root["tests"] = {{"passed", sum.passed}, {"failed", sum.failed}, {"by_group", groups}};
  // One bench row a line: diffs stay readable.
  std::string out = root.dump(1);
  out.resize(out.rfind('\n'));
  for (const bool beyond : {false, true}) {
    std::string rows;
    for (const BenchRow& row : record.bench)
      if (row.epilogue.empty() != beyond) rows += fmt::format("{}\n  {}", rows.empty() ? "" : ",", to_json(row).dump());
    out += fmt::format(",\n \"{}\": [{}\n ]", beyond ? "beyond" : "bench", rows);
  }
  out += "\n}\n";
  const std::string temporary = path + ".new";
  std::ofstream(temporary, std::ios::binary) << out;
  std::filesystem::rename(temporary, path);
}

ProgressFile::ProgressFile(std::string path, bool resume) : path_(std::move(path)) {
  if (!resume) {
    std::filesystem::remove(path_);
    return;
  }
  std::istringstream lines(read_file(path_));
  simdjson::dom::parser parser;
  for (std::string line; std::getline(lines, line);) {
    element e;
    const auto padded = simdjson::padded_string(line);
    if (parser.parse(padded).get(e) != simdjson::SUCCESS) continue;
    if (element machine; e["machine"].get(machine) == simdjson::SUCCESS) {
      machine_ = {text(machine, "gpu"), text(machine, "driver"), text(machine, "nvrtc"), text(machine, "cublaslt"),
                  text(machine, "date")};
      continue;
    }
    Step step;
    step.id = text(e, "id"), step.group = text(e, "group"), step.digest = text(e, "digest"), step.note = text(e, "note");
    step.passed = e["passed"].get_bool().value();
    if (element row; e["bench"].get(row) == simdjson::SUCCESS) step.bench = bench_row(row);
    if (simdjson::dom::array leaders; e["leaders"].get(leaders) == simdjson::SUCCESS)
      for (const element leader : leaders) step.leaders.emplace_back(leader.get_string().value());
    steps_[step.id] = step;
  }
}

const Step* ProgressFile::find(const std::string& id, const std::string& digest) const {
  const auto it = steps_.find(id);
  return it != steps_.end() && it->second.digest == digest ? &it->second : nullptr;
}

void ProgressFile::append(const Step& step) {
  json j;
  j["id"] = step.id, j["group"] = step.group, j["digest"] = step.digest, j["passed"] = step.passed, j["note"] = step.note;
  if (step.bench) j["bench"] = to_json(*step.bench);
  if (!step.leaders.empty()) j["leaders"] = step.leaders;
  std::ofstream(path_, std::ios::app) << j.dump() << '\n';
  steps_[step.id] = step;
}

void ProgressFile::ran_on(const MachineFacts& m) {
  const json j = {{"gpu", m.gpu}, {"driver", m.driver}, {"nvrtc", m.nvrtc}, {"cublaslt", m.cublaslt}, {"date", m.date}};
  std::ofstream(path_, std::ios::app) << json{{"machine", j}}.dump() << '\n';
  machine_ = m;
}

void merge(Record& record, const std::map<std::string, Step>& steps, const std::vector<std::string>& families) {
  std::map<std::string, Count> counts;
  std::map<std::string, BenchRow> rows;
  for (const BenchRow& row : record.bench) rows[row.key()] = row;
  for (const auto& [id, step] : steps) {
    if (step.bench)
      rows[step.bench->key()] = *step.bench;
    else
      (step.passed ? counts[step.group].passed : counts[step.group].failed) += 1;
  }
  for (const auto& [group, count] : counts) record.tests[group] = count;
  record.bench.clear();
  for (auto& [key, row] : rows) record.bench.push_back(std::move(row));
  std::sort(record.bench.begin(), record.bench.end());
  const auto digests = current_digests();
  for (const std::string& family : families) record.digests[family] = digests.at(family);
}

}  // namespace ak::proof
