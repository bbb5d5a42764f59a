// The environment is read on callers' threads alone, and what a library's file says of its version.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "ak/ak.hpp"
#include "base/environment.hpp"
#include "base/library.hpp"
#include "jit/source.hpp"
#include "stores.hpp"

using namespace ak;
namespace fs = std::filesystem;

TEST_CASE("the environment is what it was when a context was made, and the LLM's key is not in it") {
  ::unsetenv("AK_KERNEL_DIR");
  read_environment();
  ::setenv("AK_KERNEL_DIR", "/nowhere", 1), ::setenv("AK_LLM_KEY", "canary", 1);
  CHECK(environment("AK_KERNEL_DIR").empty());
  CHECK_NOTHROW(kernel_file("sm80.cu"));
  Options options;
  options.cache_dir = "", options.recording = AK_SOURCE_DIR "/tests/recordings";
  const Context context(options);
  ::unsetenv("AK_KERNEL_DIR"), ::unsetenv("AK_LLM_KEY");
  CHECK(environment("AK_KERNEL_DIR") == "/nowhere");
  CHECK_THROWS_WITH_AS(kernel_file("sm80.cu"), doctest::Contains("AK_KERNEL_DIR='/nowhere'"), Error);
  CHECK(environment("AK_KERNEL").empty());
  for (const std::string& line : environment_lines()) CHECK(line.find("canary") == line.npos);
  read_environment();
  CHECK(environment("AK_KERNEL_DIR").empty());
}

TEST_CASE("no thread of the library's own reads the process's environment") {
  // What reads it is called by the caller, or is a program.
  const std::set<std::string> callers = {"src/base/environment.cpp", "src/settings.cpp", "cache/folder.cpp",
                                         "src/ak_worker.cpp"};
  const std::regex reads(R"(\b(secure_)?getenv\s*\(|\benviron\b)");
  int files = 0;
  for (const char* folder : {"src", "cache"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(AK_SOURCE_DIR) / folder)) {
      const std::string file = fs::relative(entry.path(), AK_SOURCE_DIR);
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
      if (callers.contains(file) || file.starts_with("src/cli/")) continue;
      ++files;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);)
        if (std::regex_search(line.substr(0, line.find("//")), reads)) FAIL_CHECK(fmt::format("{}: {}", file, line));
    }
  CHECK(files > 100);
}

TEST_CASE("a library's version is told by its file, which is the one that would be opened, without opening it") {
  const test_stores::Folder root("toolkit");
  const fs::path lib = root.path / "lib64", real = root.path / "real";
  fs::create_directories(lib), fs::create_directories(real);
  ::setenv("CUDA_HOME", root.path.c_str(), 1);
  read_environment();
  const auto version = [] { return SharedLibrary::version_on_disk({"libfrobnicate.so.7", "libfrobnicate.so"}); };
  CHECK(version().empty());

  std::ofstream(real / "libfrobnicate.so.7.1.88") << "no library: opened it would fail";
  fs::create_symlink("libfrobnicate.so.7.1.88", lib / "libfrobnicate.so.7");
  CHECK(version().empty());  // it dangles
  fs::remove(lib / "libfrobnicate.so.7");
  fs::create_symlink("../real/libfrobnicate.so.7.1.88", lib / "libfrobnicate.so.7");
  CHECK(version() == "7.1.88");
  fs::remove(lib / "libfrobnicate.so.7");
  fs::create_symlink("libfrobnicate.so", lib / "libfrobnicate.so.7");  // through two links
  fs::create_symlink(real / "libfrobnicate.so.7.1.88", lib / "libfrobnicate.so");
  CHECK(version() == "7.1.88");
  // A file that says no version is opened all the same: the next name's version would be another's.
  fs::remove(lib / "libfrobnicate.so.7");
  std::ofstream(lib / "libfrobnicate.so.7") << "a wheel's";
  CHECK(version().empty());
  fs::remove(lib / "libfrobnicate.so.7");
  fs::create_symlink("libfrobnicate.so.7", lib / "libfrobnicate.so.7");  // to itself
  CHECK(version() == "7.1.88");

  ::unsetenv("CUDA_HOME");
  read_environment();
  CHECK(SharedLibrary::version_on_disk({"libstdc++.so.6"}).starts_with("6."));  // in the process
}
