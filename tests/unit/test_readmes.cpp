// What the READMEs point to is there: every relative link, every heading that one names, every path in backticks.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path kReadmeRoot = AK_SOURCE_DIR;
const char* const kFolders[] = {"include", "src", "kernels", "cache", "examples", "tests"};

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string without_code(const std::string& text) {
  std::string prose, line;
  bool code = false;
  for (std::istringstream lines(text); std::getline(lines, line);)
    if (line.starts_with("```"))
      code = !code;
    else if (!code)
      prose += line + '\n';
  return prose;
}

std::vector<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) found.push_back((*at)[1]);
  return found;
}

// As a heading is named in a link: "What a driver does" is #what-a-driver-does.
std::set<std::string> anchors(const fs::path& path) {
  std::set<std::string> all;
  for (const std::string& heading : matches("\n" + without_code(contents(path)), "\n#+ ([^\n]*)")) {
    std::string anchor;
    for (const unsigned char c : heading)
      if (std::isalnum(c) || c == '-' || c == '_')
        anchor += static_cast<char>(std::tolower(c));
      else if (c == ' ')
        anchor += '-';
    all.insert(anchor);
  }
  return all;
}

std::vector<fs::path> files(const std::string& extension = "") {
  std::vector<fs::path> all;
  const auto add = [&](const fs::directory_entry& entry) {
    if (entry.is_regular_file() && (extension.empty() || entry.path().extension() == extension)) all.push_back(entry.path());
  };
  for (const auto& entry : fs::directory_iterator(kReadmeRoot)) add(entry);
  for (const char* folder : kFolders)
    for (const auto& entry : fs::recursive_directory_iterator(kReadmeRoot / folder)) add(entry);
  return all;
}

// A path, and neither one of the machine, nor one that a build makes, nor one to be chosen ("kernels/x.cu").
bool is_path(const std::string& word) {
  static const std::regex named(R"([A-Za-z0-9_][\w./-]*\.(hpp|cpp|h|cu|cuh|def|sh|md|csv|json|txt))"),
      folder(R"(([a-z_]+/)+[\w.]*)");
  return (std::regex_match(word, named) || std::regex_match(word, folder)) && !word.starts_with("build/") &&
         fs::path(word).stem() != "x";
}

bool is_there(const std::string& word, const fs::path& folder) {
  for (const fs::path& base : {folder, kReadmeRoot, kReadmeRoot / "src", kReadmeRoot / "tests", kReadmeRoot / "include"})
    if (fs::exists(base / word)) return true;
  static const std::set<std::string> names = [] {
    std::set<std::string> all;
    for (const fs::path& path : files()) all.insert(path.filename());
    return all;
  }();
  return word.find('/') == word.npos && names.contains(word);  // of the folder that is spoken of
}

/// What is wrong with a text that stands in `folder`, a line each.
std::vector<std::string> faults(const std::string& text, const fs::path& folder, const fs::path& itself) {
  const std::string prose = without_code(text);
  std::vector<std::string> found;
  for (const std::string& link : matches(prose, R"(\]\(([^)\s]+)\))")) {
    if (link.starts_with("http")) continue;
    const auto hash = link.find('#');
    const fs::path target = hash == 0 ? itself : folder / link.substr(0, hash);
    if (!fs::exists(target))
      found.push_back(fmt::format("a link to {}, which is not there", link));
    else if (hash != link.npos && !anchors(target).contains(link.substr(hash + 1)))
      found.push_back(fmt::format("a link to {}, where no such heading is", link));
  }
  for (const std::string& code : matches(prose, "`([^`\n]+)`"))
    for (const std::string& word : matches(code + ' ', R"(([^\s(),;:=]+)[\s(),;:=]+)"))
      if (is_path(word) && !is_there(word, folder)) found.push_back(fmt::format("`{}`, which is not there", word));
  return found;
}

}  // namespace

TEST_CASE("what the READMEs name is there") {
  int texts = 0;
  for (const fs::path& path : files(".md")) {
    if (path.filename() == "CHANGELOG.md") continue;  // it names what was
    ++texts;
    for (const std::string& fault : faults(contents(path), path.parent_path(), path))
      FAIL_CHECK(fmt::format("{}: {}", fs::relative(path, kReadmeRoot).string(), fault));
  }
  CHECK(texts >= 8);
}

TEST_CASE("a README that names what is not there is found out") {
  const fs::path folder = kReadmeRoot / "tests", itself = folder / "README.md";
  const auto found = [&](const char* text) { return fmt::format("{}", fmt::join(faults(text, folder, itself), "; ")); };
  CHECK(found("[a](gpu/README.md), [b](../README.md#words), [c](#the-fake-driver), `unit/test_readmes.cpp` and `src/cli/`") ==
        "");
  CHECK(found("`run.sh SECONDS`, `test_unit -tc='*pack*'`, `kernels/x.cu`, `/usr/local/lib.h`, `build/ak`") == "");
  CHECK(found("```\n[a](gone.md)\n```\n") == "");
  CHECK(found("see [a](gone.md)") == "a link to gone.md, which is not there");
  CHECK(found("see [a](../README.md#gone)") == "a link to ../README.md#gone, where no such heading is");
  CHECK(found("see [a](#gone)") == "a link to #gone, where no such heading is");
  CHECK(found("in `src/cli/gone.cpp`") == "`src/cli/gone.cpp`, which is not there");
  CHECK(found("run `gone.sh --all`") == "`gone.sh`, which is not there");
  CHECK(found("the folder `src/gone/`") == "`src/gone/`, which is not there");
}

namespace {

// Of all tests, with names in one piece: "TEST_CASE(" and a name in quotes.
std::string all_tests() {
  std::string tests;
  for (const fs::path& path : files(".cpp"))
    if (!fs::relative(path, kReadmeRoot / "tests").string().starts_with("..")) tests += contents(path);
  return std::regex_replace(std::regex_replace(tests, std::regex(R"(TEST_CASE\(\s+")"), "TEST_CASE(\""),
                            std::regex("\"\\s*\n\\s*\""), "");
}

// A heading's text, up to the next one that is no smaller.
std::string section(const std::string& text, const std::string& heading) {
  const auto from = text.find("\n" + heading + "\n");
  REQUIRE(from != text.npos);
  const std::string level = heading.substr(0, heading.find(' ') + 1);
  return text.substr(from, text.find("\n" + level, from + 1) - from);
}

struct Named {
  int rows = 0, tests = 0, without = 0;
};

// The tests that the tables of a section name, each of which has to be there.
Named named_tests(const std::string& text, const std::string& tests) {
  Named named;
  for (const std::string& row : matches(text, R"(\n(\| [^\n]*))")) {
    const auto names = matches(row, "\"([^\"]+)\"");
    named.rows += 1, named.tests += static_cast<int>(names.size()), named.without += names.empty();
    for (const std::string& name : names) CHECK_MESSAGE(tests.find(fmt::format("TEST_CASE(\"{}\"", name)) != tests.npos, name);
  }
  return named;
}

}  // namespace

TEST_CASE("the test cases that the tables of faults and of promises name are there") {
  const std::string tests = all_tests(), of_tests = contents(kReadmeRoot / "tests/README.md"), readme = contents(kReadmeRoot / "README.md");
  const std::string faults = section(of_tests, "## Faults, and what shows that they are borne");
  CHECK(matches(faults, R"(\n(\| \d+ \|[^\n]*))").size() == 29 + 22);
  CHECK(named_tests(faults, tests).tests >= 100);
  const Named serving = named_tests(section(of_tests, "## Serving, and what shows that it holds"), tests);
  CHECK(serving.rows >= 30);
  CHECK(serving.tests >= 60);
  const Named promised = named_tests(section(readme, "### What is promised"), tests);
  CHECK(promised.rows >= 20);
  CHECK(promised.without == 1);  // the head: no promise without a test
}
