#include <doctest/doctest.h>

#include "base/terminal.hpp"
#include "base/text.hpp"

using namespace ak;

TEST_CASE("text from outside: names beyond ASCII stand as they are, what a terminal obeys does not") {
  CHECK(printable("größe \xe2\x80\xa6\n\t") == "größe \xe2\x80\xa6\n\t");
  CHECK(printable("\x1b[31m\x7f") == "\\x1b[31m\\x7f");
  CHECK(printable("\xc2\x9b" "31m") == "\\xc2\\x9b31m");  // C1's CSI
  CHECK(printable("a\xff" "b\xc3") == "a\\xffb\\xc3");
  CHECK(printable_line("a\nb") == "a\\x0ab");
  CHECK(one_line("größe\n\xc2\x9b\xff.", 100) == "größe   .");
}

TEST_CASE("text from outside: a line is cut between characters") {
  CHECK(one_line("aöb", 2) == "a");
  CHECK(one_line("aöb", 3) == "aö");
  CHECK(characters("aöb\xff") == 4);
}
