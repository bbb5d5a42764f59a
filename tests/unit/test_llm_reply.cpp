#include <doctest/doctest.h>

#include "ak/types.hpp"
#include "base/clock.hpp"
#include "llm/reply.hpp"

using namespace ak;

namespace {

const std::string kItem =
    R"({"why": "fills the waves", "family": "sm90", "tile_m": 128, "tile_n": 256, "tile_k": 64, "stages": 4, "schedule": "pingpong"})";
const char* kGivenTactic = "sm90 tile_m=128 tile_n=256 tile_k=64 stages=4 schedule=pingpong";

void check_one(const std::string& text) {
  CAPTURE(text);
  const LlmReply reply = parse_reply(text);
  CHECK(reply.fault == "");
  REQUIRE(reply.items.size() == 1);
  CHECK(reply.items[0].tactic == parse_tactic(kGivenTactic));
}

std::string rejection(const std::string& item) {
  const LlmReply reply = parse_reply("{\"proposals\": [" + item + ", " + kItem + "]}");
  CHECK(reply.items.size() == 1);  // the good neighbour is used all the same
  CHECK(reply.rejections == 1);
  return reply.rejected.empty() ? "" : reply.rejected[0];
}

}  // namespace

TEST_CASE("reply: an item becomes a tactic, with its reason") {
  const LlmReply reply = parse_reply("{\"proposals\": [" + kItem + "]}");
  REQUIRE(reply.items.size() == 1);
  CHECK(reply.items[0].tactic == parse_tactic(kGivenTactic));
  CHECK(reply.items[0].why == "fills the waves");
  CHECK(reply.rejected.empty());
}

TEST_CASE("reply: thinking, fences, prose and other wrappers do no harm") {
  check_one("```json\n{\"proposals\": [" + kItem + "]}\n```");
  check_one("<think>maybe {\"family\":\"sm80\",\"tile_m\":64} or {</think>\n{\"proposals\":[" + kItem + "]}");
  check_one("A 12\" tile, so {see} below:\n{\"configs\": [" + kItem + "]} I hope {it} helps");
  check_one("[" + kItem + "]");
  check_one(kItem);
  check_one("{\"a\":{\"b\":{\"c\":[" + kItem + "]}}}");
  check_one(kItem + "\n" + kItem);  // named twice
  check_one("{\"proposals\":[" + kItem + ",{\"why\":\"cut of");
  check_one("\xef\xbb\xbf" + kItem);
  check_one(
      R"({"family":"sm90","tile_m":128.0,"tile_n":256,"tile_k":64,"stages":4,"schedule":2,"split_k":null,"risk":"bold","notes":[1]})");
  CHECK(parse_reply("<think>" + kItem).items.empty());  // cut off while it thought
}

TEST_CASE("reply: a bad item is rejected with its reason and its neighbours stay") {
  CHECK(rejection(R"({"tile_m": 128})").find("family: missing") != std::string::npos);
  CHECK(rejection(R"({"family": "sm91"})").find("sm91") != std::string::npos);
  CHECK(rejection(R"({"family": "vendor", "algo": 1})").find("vendor") != std::string::npos);
  CHECK(rejection(R"({"family": 90})").find("family: expected a string") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": "128"})").find("tile_m: expected a whole number") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": 128.5})").find("tile_m") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": true})").find("tile_m") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": [128]})").find("tile_m") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": -128})").find("tile_m") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": 65664})").find("tile_m") != std::string::npos);  // 128 in 16 bits
  CHECK(rejection(R"({"family": "sm90", "tile_m": 1e300})").find("tile_m") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": 1e999})").find("JSON") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": 99999999999999999999999999})").find("item 1") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "split_k": 0})").find("split_k: expected 1 to") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "stages": 0})").find("stages") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "tile_m": 64, "tile_m": 128})").find("tile_m: given twice") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "schedule": "zigzag"})").find("zigzag") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "schedule": "basic tile_m=64"})").find("schedule") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "schedule": 9})").find("schedule") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90 tile_m=64"})").find("family") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", "why": 3})").find("why") != std::string::npos);
  CHECK(rejection(R"({"family": "sm90", tile_m: 64})").find("JSON") != std::string::npos);
  CHECK(rejection("{\"family\": \"sm90\", \"why\": \"" + std::string(5000, 'x') + "\"}").find("longer") != std::string::npos);
}

TEST_CASE("reply: nothing usable has a reason") {
  for (const std::string& text :
       {std::string(), std::string("I cannot help with that."), std::string("{}"), std::string("{{{{"), std::string("null"),
        std::string(2 << 20, 'x'), std::string("\0\0\0", 3), std::string("{\"proposals\":[]}")}) {
    const LlmReply reply = parse_reply(text);
    CHECK(reply.items.empty());
    CHECK(!reply.fault.empty());
  }
}

TEST_CASE("reply: cut at every byte, it gives the items that are whole") {
  std::string text = "{\"proposals\": [";
  for (const int tile : {64, 128, 192, 256})
    text += (tile == 64 ? "" : ", ") +
            ("{\"why\": \"a \\\"{quote}\\\"\", \"family\": \"sm90\", \"tile_m\": " + std::to_string(tile) + "}");
  text += "]}";
  std::size_t before = 0;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const LlmReply reply = parse_reply(std::string_view(text).substr(0, length));
    CHECK(reply.items.size() >= before);
    before = reply.items.size();
  }
  CHECK(before == 4);
}

TEST_CASE("reply: any one byte damaged costs one item at most two, never the process") {
  std::string good = "{\"proposals\": [";
  for (int tile = 16; tile <= 128; tile += 16)
    good += (tile == 16 ? "" : ",\n") + ("{\"family\": \"sm90\", \"tile_m\": " + std::to_string(tile) + "}");
  good += "]}";
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char byte : {'\0', '\xff', '{', '}', '"', '\\', '\n', '9', '\x80'}) {
      std::string bad = good;
      bad[at] = byte;
      const LlmReply reply = parse_reply(bad);
      CHECK(reply.items.size() >= 6);
      for (const ReplyItem& item : reply.items) CHECK(item.tactic.family == FamilyId::sm90);
    }
}

TEST_CASE("reply: ten thousand items, deep nesting and quote bombs stay cheap") {
  std::string many = "[";
  for (int i = 0; i < 10000; ++i) many += "{\"family\":\"sm90\",\"tile_m\":" + std::to_string(1 + i % 4000) + "},";
  const auto start = Clock::now();
  LlmReply reply = parse_reply(many + "{}]");
  CHECK(reply.items.size() == kMostItems);
  CHECK(parse_reply(many, 5).items.size() == 5);
  std::string worthless;
  for (int i = 0; i < 10000; ++i) worthless += "{\"family\":\"x" + std::to_string(i) + "\"}";
  reply = parse_reply(worthless);
  CHECK(reply.items.empty());
  CHECK(reply.rejected.size() == kMostReasons);
  CHECK(reply.rejections == static_cast<int>(kMostScanned) + 1);
  CHECK(parse_reply(std::string(1 << 20, '{')).items.empty());
  CHECK(parse_reply(std::string(1 << 19, '[') + kItem).items.size() == 1);
  std::string bomb;
  while (bomb.size() < (1u << 20) - 8) bomb += "{\"\\\"";
  CHECK(parse_reply(bomb).items.empty());
  CHECK(seconds_since(start) < 2);
}

TEST_CASE("reply: bytes that are no UTF-8, and NULs, spoil only the words they stand in") {
  const LlmReply reply =
      parse_reply("{\"why\": \"caf\xe9 \xff\", \"family\": \"sm90\", \"tile_m\": 64}" + std::string(1, '\0') + kItem);
  REQUIRE(reply.items.size() == 2);
  CHECK(reply.items[0].why.substr(0, 3) == "caf");
  for (const char c : reply.items[0].why) CHECK((c >= 0x20 && c <= 0x7e));
  CHECK(parse_reply("{\"why\": \"\xc3\xa9t\xc3\xa9 \\u0000\\u2028\", \"family\": \"sm90\"}").items.size() == 1);
}
