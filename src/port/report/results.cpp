#include "port/report/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "ak/types.hpp"
#include "base/atomic_file.hpp"
#include "base/json_value.hpp"

namespace ak::port {
namespace {

constexpr int kFormat = 1;
constexpr double kLeastUs = 1e-6, kMostUs = 1e12;  // quotients of such have a finite logarithm
constexpr std::size_t kMostSizes = 64;
constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{64} << 20;

// --- the fields, each once: writer and reader go through these lists
// ----------------------------------------------------------

// Types are told apart once for all fields here, which is a fifth of the code that a template for each field would be.
using Target = std::variant<const std::string*, const double*, const int*, const std::int64_t*, const bool*, const Status*,
                            const Arm*, const std::vector<std::string>*, const std::vector<Attempt>*,
                            const std::vector<Timing>*, const std::vector<Entry>*>;
struct Field {
  std::string_view key;
  Target place;
  bool always;  // else left out where it is 0 or empty, and 0 or empty where a file lacks it
};
using Fields = std::vector<Field>;

Fields fields(const Arm& a) {
  return {{"us", &a.us, true}, {"least_us", &a.least_us, false}, {"runs", &a.runs, true}, {"timed_out", &a.timed_out, false}};
}

Fields fields(const Timing& t) {
  Fields all{{"size", &t.size, true}};
  for (std::size_t i = 0; i < t.arms.size(); ++i) all.push_back({kArmNames[i], &t.arms[i], false});
  return all;
}

Fields fields(const Attempt& a) {
  return {{"llm", &a.llm, false},       {"what", &a.what, true},
          {"status", &a.status, true},  {"why", &a.why, false},
          {"us", &a.us, false},         {"arm", &a.arm, false},
          {"anew", &a.anew, false},     {"as_template", &a.as_template, false},
          {"tokens", &a.tokens, false}, {"seconds", &a.seconds, false},
          {"part", &a.part, false}};
}

Fields fields(const Entry& e) {
  return {{"name", &e.name, true},
          {"file", &e.file, true},
          {"class", &e.work_class, true},
          {"verdict", &e.verdict, true},
          {"changed_by", &e.changed_by, false},
          {"unpredicted", &e.unpredicted, false},
          {"observed", &e.observed, false},
          {"status", &e.status, true},
          {"why", &e.why, false},
          {"note", &e.note, false},
          {"only", &e.only, false},
          {"tactic", &e.tactic, false},
          {"one_thread", &e.one_thread, false},
          {"right", &e.right, false},
          {"cases", &e.cases, false},
          {"kept", &e.kept, false},
          {"attempts", &e.attempts, false},
          {"further", &e.further, false},
          {"timings", &e.timings, false},
          {"llm_retries", &e.llm_retries, false},
          {"llm_tokens", &e.llm_tokens, false}};
}

Fields fields(const Results& r) {
  return {{"date", &r.date, true},      {"gpu", &r.gpu, true},      {"cpu", &r.cpu, true},
          {"clocks", &r.clocks, false}, {"cores", &r.cores, false}, {"compiler", &r.compiler, true},
          {"flags", &r.flags, true},    {"runs", &r.runs, true},    {"entries", &r.entries, true}};
}

// --- writing --------------------------------------------------------------------------------------------------------------

using Json = nlohmann::ordered_json;

bool is_empty(const auto& number) { return number == 0; }
bool is_empty(const std::string& text) { return text.empty(); }
bool is_empty(const Arm& arm) { return !arm.timed(); }
bool is_empty(Status) { return false; }
template <class Item>
bool is_empty(const std::vector<Item>& items) {
  return items.empty();
}

Json written(const Fields& fields);
Json written(const auto& value) { return written(fields(value)); }
Json written(const std::string& text) { return text; }
Json written(double number) { return number; }
Json written(int number) { return number; }
Json written(std::int64_t number) { return number; }
Json written(bool value) { return value; }
Json written(Status status) { return std::string(name(status)); }
template <class Item>
Json written(const std::vector<Item>& items) {
  Json json = Json::array();
  for (const Item& item : items) json.push_back(written(item));
  return json;
}

Json written(const Fields& fields) {
  Json json = Json::object();
  for (const Field& field : fields)
    std::visit(
        [&](const auto* value) {
          if (field.always || !is_empty(*value)) json[std::string(field.key)] = written(*value);
        },
        field.place);
  return json;
}

// --- reading --------------------------------------------------------------------------------------------------------------

void check(const JsonValue& v, const Arm& arm) {
  if (arm.us < kLeastUs || arm.us > kMostUs) v["us"].bad(fmt::format("expected {:g} to {:g}", kLeastUs, kMostUs));
  if (arm.least_us > arm.us) v["least_us"].bad("is more than the median");
  if (arm.runs == 0 && !arm.timed_out) v["runs"].bad("none, of an arm that did not time out");
}
void check(const JsonValue&, const Timing&) {}
void check(const JsonValue&, const Attempt&) {}
void check(const JsonValue& v, const Entry& e) {
  if (e.name.empty()) v["name"].bad("is empty");
  if (e.right > e.cases) v["right"].bad("is more than there are cases");
  if (e.timings.size() > kMostSizes) v["timings"].bad(fmt::format("more than {} sizes", kMostSizes));
  for (auto t = e.timings.begin(); t != e.timings.end(); ++t)
    if (std::find_if(e.timings.begin(), t, [&](const Timing& other) { return other.size == t->size; }) != t)
      v["timings"].bad(fmt::format("the size {} stands twice", t->size));
}
void check(const JsonValue& v, const Results& r) {
  std::map<std::string, const Entry*> seen;
  for (const Entry& e : r.entries)
    if (!seen.emplace(e.file + '\0' + e.name, &e).second)
      v["entries"].bad(fmt::format("{} of {} stands twice", e.name, e.file));
}

void read(const JsonValue& v, const Fields& fields);
void read(const JsonValue& v, auto& value) {
  read(v, fields(value));
  check(v, value);
}
void read(const JsonValue& v, std::string& text) { text = v.text(); }
void read(const JsonValue& v, double& number) { number = v.positive(); }
void read(const JsonValue& v, int& number) { number = v.count(); }
void read(const JsonValue& v, std::int64_t& number) { number = v.integer(0, std::int64_t{1} << 53); }
void read(const JsonValue& v, bool& value) { value = v.boolean(); }
void read(const JsonValue& v, Status& status) {
  const auto* const found = std::find(std::begin(kStatusNames), std::end(kStatusNames), v.text());
  if (found == std::end(kStatusNames)) v.bad("no such status");
  status = static_cast<Status>(found - std::begin(kStatusNames));
}
template <class Item>
void read(const JsonValue& v, std::vector<Item>& items) {
  v.items([&](const JsonValue& item) { read(item, items.emplace_back()); });
}

// What is read into is not const; the list of its fields is the writer's too.
void read(const JsonValue& v, const Fields& fields) {
  for (const Field& field : fields)
    if (const auto found = field.always ? v[field.key] : v.find(field.key))
      std::visit([&]<class Value>(const Value* value) { read(*found, const_cast<Value&>(*value)); }, field.place);
}

[[noreturn]] void bad(const std::string& file, std::string_view what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("results {}: {}", file, what));
}

}  // namespace

std::string write_json(const Results& results) {
  Fields all = fields(results);
  all.insert(all.begin(), {"format", &kFormat, true});
  return written(all).dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Results read_results(const std::string& file, std::string_view json) {
  Results results;
  read_json(fmt::format("results {}", file), json, [&](const JsonValue& whole) {
    if (const JsonValue format = whole["format"]; format.integer(1, 1 << 30) > kFormat)
      format.bad(fmt::format("written by a newer version; this one reads up to {}", kFormat));
    read(whole, results);
  });
  return results;
}

void save_results(const std::string& file, const Results& results) {
  if (const auto why = write_atomically(file, write_json(results)))
    throw Error(ErrorCode::internal, fmt::format("results {} cannot be written: {}", file, *why));
}

namespace {

Results load_file(const std::string& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) bad(file, "no such file");
  if (!std::filesystem::is_regular_file(status)) bad(file, "is no file");
  const auto size = std::filesystem::file_size(file, error);
  if (error) bad(file, error.message());
  if (size > kMaxFileBytes) bad(file, fmt::format("{} bytes are more than results have", size));
  std::string text(size, '\0');
  if (!std::ifstream(file, std::ios::binary).read(text.data(), static_cast<std::streamsize>(size))) bad(file, "cannot be read");
  return read_results(file, text);
}

std::vector<std::string> results_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().filename() == "results.json") files.push_back(at->path().string());
  if (error) bad(folder, error.message());
  std::ranges::sort(files);
  return files;
}

void add_run(Results& to, const std::string& file, Results run) {
  const auto must_be = [&](const char* what, const auto& first, const auto& here) {
    if (first != here) bad(file, fmt::format("another {} than in the files before it: {}, not {}", what, here, first));
  };
  must_be("GPU", to.gpu, run.gpu);
  must_be("CPU", to.cpu, run.cpu);
  must_be("number of cores", to.cores, run.cores);
  must_be("C compiler", to.compiler + " " + to.flags, run.compiler + " " + run.flags);
  must_be("number of runs", to.runs, run.runs);
  to.date = std::max(to.date, run.date);
  if (to.clocks != run.clocks) to.clocks.clear();
  for (Entry& more : run.entries) {
    for (const Entry& e : to.entries)
      if (e.name == more.name && e.file == more.file)
        bad(file, fmt::format("{} of {} is in a file before it too", e.name, e.file));
    to.entries.push_back(std::move(more));
  }
}

}  // namespace

Results load_results(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return load_file(path);
  const std::vector<std::string> files = results_in(path);
  if (files.empty()) bad(path, "there is no results.json in this folder");
  Results results = load_file(files[0]);
  for (auto file = files.begin() + 1; file != files.end(); ++file) add_run(results, *file, load_file(*file));
  return results;
}

}  // namespace ak::port
