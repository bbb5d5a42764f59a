// Flags pasted from a build's command line: what a text means stays, and nothing is written.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "base/compiler_flags.hpp"
#include "base/temporary_folder.hpp"
#include "base/text.hpp"
#include "port/c/c_program.hpp"

using namespace ak;

namespace {

std::vector<std::string> flags(std::string_view line) {
  std::vector<std::string> all;
  for (const std::string_view word : words(line)) all.emplace_back(word);
  return all;
}

}  // namespace

TEST_CASE("compiler flags: outputs, files, the assembler's and the linker's are left out") {
  const auto kept = [](std::string_view line) { return flags_of_meaning(flags(line)); };
  CHECK(kept("-O2 -Wall -Iinc -DTAPS=5 -std=c99 -c -o audio.o audio.c") == flags("-O2 -Wall -Iinc -DTAPS=5 -std=c99"));
  CHECK(kept("-MMD -MP -MF audio.d -MT audio.o -Wp,-MD,x.d -oaudio.o --output=audio.o -S -E -xc -x c").empty());
  CHECK(kept("main.o libdsp.a -L. -lm -l m -L lib -Wl,-Map=x.map -shared -save-temps=obj -fdump-tree-all").empty());
  CHECK(kept("--coverage -fprofile-generate=x -gsplit-dwarf -fstack-usage -ftime-trace -emit-llvm").empty());
  CHECK(kept("-I inc -include config.h -D o.c -isystem lib.a") == flags("-I inc -include config.h -D o.c -isystem lib.a"));
  CHECK(kept("-include") == flags("-include"));
  CHECK(kept("-o").empty());
}

TEST_CASE("compiler flags: a text is preprocessed and compiled beside the files that they name") {
  const TemporaryFolder folder("ak-flags");
  const std::string object = folder.path() + "/audio.o";
  std::ofstream(object) << "mine";
  port::CompilerOptions options;
  options.flags = {"-DTWO=2", "-c", "-o", object, "-o" + object, "-MMD", "-MF", object, "-save-temps=obj"};
  const std::string text = port::preprocessed({"int two(void) { return TWO; }", "audio.c"}, options, Deadline::in(60));
  CHECK(text.find("return 2;") != text.npos);
  port::CProgram("static void ak_entry_0(void** a) { *(int*)a[0] = 2; }", 1, options).await(Deadline::in(60));
  std::ifstream file(object);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == "mine");
}

TEST_CASE("preprocessed: a byte order mark is no part of the text") {
  const std::string text = port::preprocessed({"\xef\xbb\xbfint two(void) { return 2; }", "audio.c"}, {}, Deadline::in(60));
  CHECK(text.find("\nint two(void)") != text.npos);
}
