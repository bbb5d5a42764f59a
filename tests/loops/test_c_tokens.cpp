// A C text is known again by its tokens.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "loop/c_tokens.hpp"
#include "loop/formula.hpp"
#include "port/c/includes.hpp"

using namespace ak::loop;

TEST_CASE("loop source: comments and spacing are no difference, tokens are") {
  const auto digest = [](std::string_view text) { return token_digest(text); };
  const std::string_view plain = "void f(int n, float a[n]) { for (int i = 0; i < n; ++i) a[i] *= 0.5f; }\n";
  CHECK(digest(plain) ==
        digest("void f( int n, // how many\n  float a[n])\n{ /* all\n of them */ for(int i=0;i<n;++i)\n\ta[i]*=0.5f;\r\n}"));
  CHECK(digest(plain) != digest("void f(int n, float a[n]) { for (int i = 0; i < n; ++i) a[i] *= 0.25f; }\n"));
  CHECK(digest("int ab;") != digest("int a b;"));
  CHECK(digest("a = b + 1.e+5;") != digest("a = b + 1.e + 5;"));
  CHECK(digest("\"a // b\"") != digest("\"a \""));
  CHECK(digest("#define N 1\nint a;") != digest("#define N 1 int a;"));
  CHECK(digest("#define N \\\n 1\nint a;") == digest("#define N 1\nint a;"));
  CHECK(digest("x /* open") == digest("x"));
  CHECK(c_tokens("'\\'' \"\\\"\" 'open").size() == 3);
}

TEST_CASE("loop source: macros that stand for each other end, and every file that one may stand for is known") {
  std::string text = "#define A0 \"no_such_file.h\"\n";
  for (int of = 0; of < 20; ++of)
    for (int to = 0; to < 20; ++to) text += fmt::format("#define A{} A{}\n", of, to);
  text += "#include A19\n";
  ak::port::LoopSource source;
  source.text = text, source.file = "many.c";
  const auto files = ak::port::included_files(source, text);
  REQUIRE(files.size() == 1);
  CHECK(files[0].path == "A19");
  source.text = text = "#define FIRST SECOND\n#define SECOND \"examples/filters.c\"\n#define FIRST OTHER\n#include FIRST\n";
  source.file = AK_SOURCE_DIR "/many.c";
  const auto known = ak::port::included_files(source, text);
  REQUIRE(!known.empty());
  CHECK(known[0].digest != files[0].digest);  // of a file
}

TEST_CASE("loop source: what is included") {
  const auto found =
      includes_of("#include <sys/math.h> // in C\n# include \"a/b.h\"\n// #include \"no.h\"\n#include \"c.h\"\n#include <no");
  REQUIRE(found.size() == 3);
  CHECK(found[0].name == "sys/math.h");
  CHECK_FALSE(found[0].quoted);
  CHECK(found[0].line == "#include <sys/math.h>");
  CHECK(found[1].name == "a/b.h");
  CHECK(found[1].quoted);
  CHECK(found[1].line == "# include \"a/b.h\"");
  CHECK(found[2].name == "c.h");
  const auto more = includes_of("#include NAME\n#include_next <b.h>\nint include;");
  REQUIRE(more.size() == 2);
  CHECK(more[0].macro);
  CHECK(more[0].name == "NAME");
  CHECK(more[0].line == "#include NAME");
  CHECK(more[1].next);
  CHECK(more[1].name == "b.h");
  const auto definitions = definitions_of("#define A\n#define B \"b.h\" // b\nint define;\n# define C <c/d.h>\n");
  REQUIRE(definitions.size() == 2);
  CHECK(definitions[0].name == "B");
  CHECK(include_of(definitions[0].value)->name == "b.h");
  CHECK(include_of(definitions[1].value)->name == "c/d.h");
  CHECK_FALSE(include_of(definitions[1].value)->quoted);
}

TEST_CASE("formula: as evaluate() does, without names") {
  const std::vector<std::string> names = {"n", "m"};
  const Term n = scalar("n", ScalarType::i32), m = scalar("m", ScalarType::i64);
  const Term all[] = {
      binary("/", binary("+", n, integer(255)), integer(256)), binary("*", n, m),
      Term{Term::Kind::choose, ScalarType::i32, "", {binary("<", n, m), unary("-", n), binary("%", m, integer(7))}},
      binary("&&", binary(">", n, integer(0)), unary("!", m)), binary("<<", n, integer(3))};
  for (const Term& term : all)
    for (const std::int64_t a : {0, 1, 255, 1000000})
      for (const std::int64_t b : {-5, 0, 12345}) {
        const std::int64_t values[] = {a, b};
        CHECK(Formula(term, names)(values) == evaluate(term, {{"n", a}, {"m", b}}));
      }
  const std::int64_t zero[] = {5, 0};
  CHECK(Formula(binary("/", n, m), names)(zero) == 0);
  CHECK_THROWS(Formula(scalar("k", ScalarType::i32), names));
  CHECK_THROWS(Formula(element("a", {n}, ScalarType::i32), names));
}
