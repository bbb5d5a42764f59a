// The dependency direction of src/, cache/, include/ and kernels/, read from their #include lines.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

// layer -> the layers it may use directly; it may also use what those may use. `ak` are the public headers, `kernels` the
// argument blocks that host and device share, kernels/**/*args.cuh.
const std::map<std::string, std::vector<std::string>> kUses = {
    {"ak", {}},
    {"kernels", {}},
    {"base", {"ak"}},
    {"core", {"base"}},
    {"cache", {"core"}},
    {"families", {"core", "kernels"}},
    {"jit", {"core"}},
    {"llm", {"core"}},
    {"search", {"families", "cache", "llm"}},
    {"gpu", {"base", "core"}},
    {"plan", {"gpu", "jit", "core", "loop", "kernels"}},  // jit: the kernels of a caller's own activation
    {"proof", {"plan", "families"}},
    {"worker", {"proof", "cache"}},
    {"timing", {"gpu"}},
    {"runner", {"proof", "timing", "jit", "families"}},
    {"recording", {"machine"}},
    {"tune", {"search", "runner"}},
    {"settings", {"cache", "llm"}},
    {"machine", {"tune", "cache", "plan", "worker"}},
    {"context", {"settings", "machine", "recording", "tune", "cache", "plan", "port"}},
    {"api", {"context", "jit"}},
    {"loop", {"core"}},
    {"analyser", {"loop"}},  // the program ak-analyse; nothing includes it
    {"emulate", {"loop", "worker"}},
    {"ak_worker", {"emulate", "port"}},  // the program
    {"port", {"loop", "emulate", "jit", "timing", "cache", "worker", "plan", "proof", "llm"}},
    {"cli", {"api", "port"}},
};

std::set<std::string> reachable(const std::string& layer) {
  std::set<std::string> all{layer};
  for (const std::string& used : kUses.at(layer)) all.merge(reachable(used));
  return all;
}

// "src/plan/table.cpp" -> plan, "src/context/context.cpp" -> context, "cache/store.hpp" -> cache, "include/ak/ak.h" -> ak.
std::string layer_of(const fs::path& relative) {
  auto part = relative.begin();
  const std::string top = *part++;
  if (top == "src") {
    const fs::path next = *part;
    return next.has_extension() ? next.stem().string() : next.string();
  }
  return top == "include" ? "ak" : top;
}

// "core/problem.hpp" -> core, "context/context.hpp" -> context, "<CLI/CLI.hpp>" -> nothing.
std::string layer_of_include(const std::string& line) {
  const auto open = line.find_first_of("\"<", line.find("include"));
  if (open == line.npos) return {};
  const fs::path name = line.substr(open + 1, line.find_first_of("\">", open + 1) - open - 1);
  const std::string first = name.begin()->string();
  const std::string layer = std::next(name.begin()) == name.end() ? name.stem().string() : first;
  return line[open] == '"' || first == "ak" ? layer : std::string();
}

struct IncludeLine {
  fs::path file;
  int number;
  std::string text;
};

std::vector<IncludeLine> includes_under(const fs::path& folder, const std::set<std::string>& extensions) {
  std::vector<IncludeLine> found;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(AK_SOURCE_DIR) / folder)) {
    if (!extensions.count(entry.path().extension().string())) continue;
    std::ifstream file(entry.path());
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      const auto hash = line.find_first_not_of(" \t");
      if (hash == line.npos || line[hash] != '#') continue;
      const auto word = line.find_first_not_of(" \t", hash + 1);
      if (word != line.npos && line.compare(word, 7, "include") == 0)
        found.push_back({fs::relative(entry.path(), AK_SOURCE_DIR), number, line});
    }
  }
  return found;
}

std::vector<std::string> violations(const std::vector<IncludeLine>& lines) {
  std::vector<std::string> found;
  for (const IncludeLine& line : lines) {
    const std::string from = layer_of(line.file), to = layer_of_include(line.text);
    if (to.empty()) continue;
    const std::string where = fmt::format("{}:{}: {}", line.file.string(), line.number, line.text);
    if (!kUses.count(from) || !kUses.count(to))
      found.push_back(fmt::format("{}: '{}' or '{}' is not a layer", where, from, to));
    else if (!reachable(from).count(to))
      found.push_back(fmt::format("{}: {} may not use {}", where, from, to));
    else if (to == "kernels" && line.text.find("args.cuh\"") == line.text.npos)
      found.push_back(fmt::format("{}: the host shares only argument blocks (*args.cuh) with the device", where));
  }
  return found;
}

// No line of src/ and cache/ matches, remarks aside.
void refuse_in_sources(const std::regex& pattern) {
  for (const char* folder : {"src", "cache"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(AK_SOURCE_DIR) / folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      std::ifstream file(entry.path());
      int number = 0;
      for (std::string line; std::getline(file, line);) {
        ++number;
        if (std::regex_search(line.substr(0, line.find("//")), pattern))
          FAIL_CHECK(fmt::format("{}:{}: {}", fs::relative(entry.path(), AK_SOURCE_DIR).string(), number, line));
      }
    }
}

}  // namespace

TEST_CASE("dependencies point one way") {
  std::vector<IncludeLine> lines;
  for (const char* folder : {"src", "cache", "include"})
    for (IncludeLine& line : includes_under(folder, {".cpp", ".hpp", ".h", ".c"})) lines.push_back(std::move(line));
  CHECK(lines.size() > 100);
  for (const std::string& violation : violations(lines)) FAIL_CHECK(violation);
}

TEST_CASE("a wrong edge is reported with its file and line") {
  const auto report = [](const char* file, const char* text) { return violations({{file, 7, text}}); };
  CHECK(report("src/plan/plan.cpp", "#include \"gpu/driver.hpp\"").empty());
  CHECK(report("src/plan/plan.cpp", "#include <vector>").empty());
  CHECK(report("src/plan/plan.hpp", "#include \"kernels/args.cuh\"").empty());
  CHECK(report("src/context/context.cpp", "#include \"core/problem.hpp\"").empty());
  CHECK(report("src/core/problem.cpp", "#include \"gpu/driver.hpp\"") ==
        std::vector<std::string>{"src/core/problem.cpp:7: #include \"gpu/driver.hpp\": core may not use gpu"});
  CHECK(report("src/search/search.cpp", "#include \"plan/plan.hpp\"").size() == 1);
  CHECK(report("cache/record.hpp", "#include \"context/context.hpp\"").size() == 1);
  CHECK(report("include/ak/ak.hpp", "#include \"core/problem.hpp\"").size() == 1);
  CHECK(report("src/plan/plan.hpp", "#include \"kernels/types.cuh\"").size() == 1);
  CHECK(report("src/odd/odd.cpp", "#include \"core/problem.hpp\"").size() == 1);
}

// A call's way has one direction: a file of src/context names only those before it.
TEST_CASE("src/context is read from top to bottom") {
  const std::vector<std::string> order = {"describe",
                                          "served",
                                          "retry",
                                          "common",
                                          "device_state",
                                          "stored_quarantine",
                                          "stored",
                                          "spare",
                                          "fallback",
                                          "hint",
                                          "shares",
                                          "widen",
                                          "job",
                                          "later_records",
                                          "sampling",
                                          "check_findings",
                                          "check_bench",
                                          "guard",
                                          "loop_arguments",
                                          "host_gate",
                                          "loop_known",
                                          "loop_served",
                                          "loop_stored",
                                          "loop_job",
                                          "loop_guard",
                                          "loop_state",
                                          "context",
                                          "bound_plan",
                                          "problem_log",
                                          "state",
                                          "call"};
  const auto place = [&](const std::string& stem) { return std::find(order.begin(), order.end(), stem) - order.begin(); };
  int seen = 0;
  for (const IncludeLine& line : includes_under("src/context", {".cpp", ".hpp"})) {
    const auto open = line.text.find("\"context/");
    if (open == line.text.npos) continue;
    const std::string from = line.file.stem().string(), to = fs::path(line.text.substr(open + 1)).stem().string();
    ++seen;
    CHECK_MESSAGE(place(from) < std::ssize(order), from);
    const bool outside = line.file.filename() == "context.cpp";  // what the outside asks: it stands above all
    if (from != to && !outside && place(to) >= place(from))
      FAIL_CHECK(fmt::format("{}:{}: {}", line.file.string(), line.number, line.text));
  }
  CHECK(seen > 20);
}

// Who searches for a file by its name finds the one that is meant.
TEST_CASE("no two files of one name") {
  const std::set<std::string> kMayBeMany = {
      "main.cpp",                             // of each program
      "pack.cpp", "port.cpp", "report.cpp", "sweep.cpp",  // src/cli names each file as its command
  };
  std::map<std::string, std::vector<std::string>> files;
  for (const char* folder : {"src", "cache", "include", "tests"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(AK_SOURCE_DIR) / folder)) {
      const auto extension = entry.path().extension();
      if (extension == ".cpp" || extension == ".hpp")
        files[entry.path().filename()].push_back(fs::relative(entry.path(), AK_SOURCE_DIR));
    }
  CHECK(files.size() > 200);
  for (const auto& [name, paths] : files)
    CHECK_MESSAGE((paths.size() > 1) == kMayBeMany.contains(name), fmt::format("{}", fmt::join(paths, ", ")));
}

// What a C function or a stream makes of a character or a number depends on the process's locale: keys, sources, files and
// numbers go through base/text.hpp, std::from_chars and fmt.
TEST_CASE("nothing in src/ and cache/ asks the locale") {
  const std::regex asks(
      R"(\b(is(space|alnum|alpha|digit|xdigit|print|punct|upper|lower|blank|graph|cntrl)|to(upper|lower)|strto(d|f|ld|l|ul|ll|ull))"
      R"(|ato(i|f|l|ll)|sto(i|l|ul|ll|ull|f|d|ld)|s?scanf|strcasecmp|strncasecmp|strcoll|setlocale|std::to_string)\s*\()"
      R"(|\b(std::)?[io]?stringstream\b|\bstd::locale\b|\{:[^{}]*L\}|#include <(cctype|ctype\.h|locale|sstream)>)"
      R"(|(\)|\bin) >> [a-z_]+)");
  CHECK(std::regex_search("std::toupper(c)", asks));
  CHECK(std::regex_search("std::ifstream(f) >> period;", asks));
  CHECK(!std::regex_search("to_string(problem)", asks));
  refuse_in_sources(asks);
}

// Their one answer is every thread's, the application's too.
TEST_CASE("nothing in src/ and cache/ calls a function that answers in static memory") {
  const std::regex asks(
      R"((^|[^:\w])(std::|::)?(getpw(uid|nam)|getgr(gid|nam)|localtime|gmtime|ctime|asctime|strtok)"
      R"(|gethostbyname|ttyname|getlogin|tmpnam)\s*\()");
  CHECK(std::regex_search("getpwuid(getuid())->pw_dir", asks));
  CHECK(std::regex_search("std::localtime(&now)", asks));
  CHECK(!std::regex_search("fmt::gmtime(now)", asks));
  CHECK(!std::regex_search("getpwuid_r(user, &entry, room.data(), room.size(), &found)", asks));
  refuse_in_sources(asks);
}

// NVRTC gets no include path: device code names no header. Siblings in quotes are for editors; the host strips those lines.
TEST_CASE("device code outside kernels/support includes no header") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(AK_SOURCE_DIR) / "kernels")) files += entry.is_regular_file();
  CHECK(files >= 4);
  for (const IncludeLine& line : includes_under("kernels", {".cu", ".cuh"})) {
    if (line.file.parent_path().filename() == "support") continue;
    const auto open = line.text.find('"');
    const std::string name = open == line.text.npos ? "" : line.text.substr(open + 1, line.text.find('"', open + 1) - open - 1);
    const bool sibling = !name.empty() && name.find('/') == name.npos && fs::exists(fs::path(AK_SOURCE_DIR) / "kernels" / name);
    if (!sibling) FAIL_CHECK(fmt::format("{}:{}: {}", line.file.string(), line.number, line.text));
  }
}
