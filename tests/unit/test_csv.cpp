#include <doctest/doctest.h>

#include "ak/types.hpp"
#include "base/csv.hpp"

using namespace ak;

namespace {

using Fields = std::vector<std::string>;

std::vector<Fields> records_of(std::string_view text) {
  std::vector<Fields> records;
  while (!text.empty()) records.push_back(take_csv_record(text));
  return records;
}

}  // namespace

TEST_CASE("CSV: records end at newlines, fields at commas, and quotes keep both") {
  CHECK(records_of("a,b\n1,2\n") == std::vector<Fields>{{"a", "b"}, {"1", "2"}});
  CHECK(records_of("a,b\r\n1,2\r\n") == std::vector<Fields>{{"a", "b"}, {"1", "2"}});
  CHECK(records_of("1,2") == std::vector<Fields>{{"1", "2"}});
  CHECK(records_of(",\n\n,") == std::vector<Fields>{{"", ""}, {""}, {"", ""}});
  CHECK(records_of(" a ,\tb b \n") == std::vector<Fields>{{"a", "b b"}});
  CHECK(records_of("1,\"max(x, 0)\",2\n3\n") == std::vector<Fields>{{"1", "max(x, 0)", "2"}, {"3"}});
  CHECK(records_of("\"a\nb\" , \" c \"\n\"\"\n") == std::vector<Fields>{{"a\nb", " c "}, {""}});
  CHECK(records_of("\"say \"\"x\"\"\",\"\"\"\"") == std::vector<Fields>{{"say \"x\"", "\""}});
}

TEST_CASE("CSV: wrong quotes are refused, and cost their line only") {
  for (const std::string wrong : {"\"a,b", "\"a\"b,c", "a\"b\",c", "a,\"b\"\"", "1,\"2\" 3"}) {
    const std::string text = wrong + "\nnext,line\n";
    std::string_view rest = text;
    CAPTURE(text);
    CHECK_THROWS_AS(take_csv_record(rest), Error);
    CHECK(rest == "next,line\n");
  }
}

TEST_CASE("CSV: what is written is read back") {
  for (const std::string value : {"", "silu", "max(x,0)", "a \"b\"", " padded ", "two\nlines", "\r", "\""}) {
    const std::string text = csv_field(value) + "," + csv_field("next") + "\n";
    CAPTURE(text);
    CHECK(records_of(text) == std::vector<Fields>{{value, "next"}});
  }
  CHECK(csv_field("silu") == "silu");
  CHECK(csv_field("max(x,0)") == "\"max(x,0)\"");
}
