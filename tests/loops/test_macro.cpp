// Another number for a macro of a C source.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "port/c/macro.hpp"

using namespace ak;
namespace fs = std::filesystem;

namespace {

port::LoopSource source(const std::string& text, std::vector<std::string> flags = {}) {
  port::LoopSource made;
  made.file = "f.c", made.text = text, made.flags = std::move(flags);
  return made;
}

std::string text_with(const std::string& text, const std::string& name = "LEN") {
  const auto made = port::with_macro(source(text), name, 7);
  return made ? made->text : "none";
}

}  // namespace

TEST_CASE("macro: every definition without arguments gets the number, and lines keep theirs") {
  CHECK(text_with("#define LEN 32000\nfloat a[LEN];\n") == "#define LEN 7\nfloat a[LEN];\n");
  CHECK(text_with("#if X\n # define LEN (4 * N) // four\n#else\n#define LEN 1\n#endif") ==
        "#if X\n # define LEN 7 // four\n#else\n#define LEN 7\n#endif");
  const std::string folded = text_with("#define LEN (1 + \\\n 2 /* and\n more */ + 3)\nint x = LEN;");
  CHECK(folded == "#define LEN 7\\\n\\\n\nint x = LEN;");
  CHECK(text_with("#define LENGTH 3\n// #define LEN 3\n/*\n#define LEN 3\n*/\nconst char* s = \"#define LEN 3\";") == "none");
  CHECK(text_with("#define LEN(x) (x)\n") == "none");
  CHECK(text_with("#define LEN\n") == "none");  // says that something is there
  CHECK(text_with("#undef LEN\nint LEN = 3;\n") == "none");
}

TEST_CASE("macro: a flag that defines it") {
  CHECK(port::with_macro(source("", {"-DLEN=5", "-DLENGTH=5"}), "LEN", 7)->flags ==
        std::vector<std::string>{"-DLEN=7", "-DLENGTH=5"});
  CHECK(port::with_macro(source("", {"-D", "LEN"}), "LEN", 7)->flags == std::vector<std::string>{"-D", "LEN=7"});
  CHECK(!port::with_macro(source("", {"-ILEN=5", "LEN=5"}), "LEN", 7));
}

TEST_CASE("macro: of an included file, which then stands in the text, with the folder of its own includes") {
  const fs::path folder = fs::temp_directory_path() / fmt::format("ak_macro_{}", getpid());
  fs::create_directories(folder / "inc");
  std::ofstream(folder / "inc" / "outer.h") << "#include \"sizes.h\"\n#include \"types.h\"\n";
  std::ofstream(folder / "inc" / "sizes.h") << "#define LEN 100\n";
  std::ofstream(folder / "inc" / "types.h") << "typedef float real;\n";
  port::LoopSource given = source("#include <math.h>\n#include \"inc/outer.h\" // all\nreal a[LEN];\n");
  given.file = (folder / "f.c").string();
  const auto made = port::with_macro(given, "LEN", 7);
  REQUIRE(made);
  const std::string inc = (folder / "inc").string();
  CHECK(made->text == fmt::format("#include <math.h>\n#line 1 \"{0}/outer.h\"\n#line 1 \"{0}/sizes.h\"\n#define LEN 7\n\n"
                                  "#line 2 \"{0}/outer.h\"\n#include \"types.h\"\n\n#line 3 \"{1}\" // all\nreal a[LEN];\n",
                                  inc, given.file));
  CHECK(made->flags == std::vector<std::string>{"-iquote", inc});
  CHECK(!port::with_macro(given, "WIDTH", 7));
  fs::remove_all(folder);
}
