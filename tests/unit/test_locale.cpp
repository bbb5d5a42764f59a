// The process's locale touches no key, source, file or number: an application sets it, Python does by itself.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cctype>
#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <locale>

#include "base/cores.hpp"
#include "core/expression.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"

namespace fs = std::filesystem;
using namespace ak;

namespace {

// Turkish: i is not the small letter of I, and numbers have a comma. Compiled into a folder of its own where it is not
// installed.
bool set_turkish() {
  if (std::setlocale(LC_ALL, "tr_TR.UTF-8")) return true;
  const std::string folder = std::string(AK_BINARY_DIR) + "/test_locale";
  fs::create_directories(folder);
  const std::string make = fmt::format("localedef -i tr_TR -f UTF-8 {}/tr_TR.UTF-8 >/dev/null 2>&1", folder);
  if (!fs::exists(folder + "/tr_TR.UTF-8/LC_CTYPE")) [[maybe_unused]]
    const int status = std::system(make.c_str());
  setenv("LOCPATH", folder.c_str(), 1);
  const bool set = std::setlocale(LC_ALL, "tr_TR.UTF-8");
  unsetenv("LOCPATH");
  return set;
}

struct Comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

// What is made with a locale and without it.
std::string made() {
  const Problem problem = parse_problem("1024x1024x1024 silu");
  const Tactic tactic = parse_tactic("sm80 tile_m=128 tile_n=128 tile_k=64 stages=4");
  const auto files = family(FamilyId::sm80).sources();
  return make_source(files, problem, tactic) + source_digest(files).hex() + to_string(tactic) + to_string(problem) +
         Expression::parse("x < 0 ? 0.125 * slope : max(x, 1.5e2f)").text() + DeviceFacts{}.arch();
}

}  // namespace

TEST_CASE("the same sources, keys and numbers are made under any locale") {
  const std::string before = made();
  CHECK(before.find("#define AK_TILE_M 128") != std::string::npos);
  if (set_turkish()) {
    const std::string during = made();
    std::setlocale(LC_ALL, "C");
    CHECK(during == before);
  } else {
    MESSAGE("no Turkish locale here and none can be made: test_layering's look at the sources stands alone");
  }

  const fs::path mount = fs::path(AK_BINARY_DIR) / "test_locale_cgroup";
  fs::create_directories(mount / "own");
  std::ofstream(mount / "own/cpu.max") << "1200000 100000\n";
  const std::locale usual = std::locale::global(std::locale(std::locale(), new Comma));
  const std::string during = made();
  const int cores = cgroup_cores(mount.string(), "0::/own\n");
  std::locale::global(usual);
  CHECK(during == before);
  CHECK(cores == 12);
}
