// What was added touching only what src/ADDING.md names is there wherever its kind is.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cache/record.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "llm/prompt.hpp"
#include "llm/reply.hpp"
#include "llm/wire.hpp"
#include "search/llm_facts.hpp"
#include "search/proposers.hpp"
#include "search/space.hpp"

using namespace ak;

namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

const Problem kProblem = parse_problem("64x256x256 relu");
const DeviceFacts kDevice;

std::vector<Tactic> toys(const Space& space) {
  std::vector<Tactic> list;
  for (const RankedTactic& ranked : space.tactics)
    if (ranked.tactic.family == FamilyId::toy) list.push_back(ranked.tactic);
  return list;
}

}  // namespace

TEST_CASE("a toy family and its knob: text, space, source, compiler, record") {
  CHECK(parse_family("toy") == FamilyId::toy);
  CHECK(find_family(FamilyId::toy));
  const Tactic tactic = parse_tactic("toy tile_m=8 tile_n=32 chunk=4");
  CHECK(to_string(tactic) == "toy tile_m=8 tile_n=32 chunk=4");
  CHECK(tactic.chunk == 4);
  CHECK_FALSE(foreign_knobs(tactic));
  CHECK(foreign_knobs(parse_tactic("toy stages=3")) == "toy has no knob stages");
  CHECK(foreign_knobs(parse_tactic("sm80 chunk=4")) == "sm80 has no knob chunk");

  const Space space = make_space(kProblem, kDevice);
  const auto listed = toys(space);
  CHECK(listed.size() == 4);
  CHECK(std::ranges::count(listed, tactic) == 1);
  CHECK(space.rejects(parse_tactic("toy tile_m=8 tile_n=64")) == "tile_m * tile_n must be 1 to 256 threads");
  CHECK(family(FamilyId::toy).geometry(kProblem, tactic, kDevice).grid == std::array<std::uint32_t, 3>{8, 8, 1});

  const std::string source = make_source(family(FamilyId::toy).sources(), kProblem, tactic);
  CHECK(has(source, "#define AK_CHUNK 4"));
  for (const char* arch : {"sm_80", "sm_90a"}) {
    const Compiled compiled = compile(source, arch);
    CHECK_MESSAGE(compiled.ok(), compiled.log);
    CHECK(!compiled.cubin.empty());
  }

  PlanRecord record;
  record.problem = kProblem, record.tactic = tactic;
  const auto read = decode_record(encode(record));
  REQUIRE(read);
  CHECK(read->tactic == tactic);
}

TEST_CASE("a toy proposer: by name, and in every search") {
  CHECK(std::ranges::count(proposer_names(), std::string_view("toy")) == 1);
  const auto asked = make_search_proposers({});
  const auto toy = std::ranges::find_if(asked, [](const auto& proposer) { return proposer->name() == "toy"; });
  REQUIRE(toy != asked.end());
  const Space space = make_space(kProblem, kDevice);
  const auto proposals = (*toy)->propose({kProblem, kDevice, space, {}}, 3);
  REQUIRE(proposals.size() == 3);
  CHECK(proposals[0].tactic == space.tactics.back().tactic);
}

TEST_CASE("a language model hears of the toy family and its knob, and may name them") {
  const Space space = make_space(kProblem, kDevice);
  const Prompt prompt = make_prompt(prompt_facts({kProblem, kDevice, space, {}}, 0, 12));
  CHECK(has(prompt.user, "family toy (4 legal combinations)"));
  CHECK(has(prompt.user, " chunk = steps of k that a thread takes at once;"));
  const auto item = nlohmann::json::parse(prompt.schema)["properties"]["proposals"]["items"]["properties"];
  CHECK(std::ranges::count(item["family"]["enum"], "toy") == 1);
  CHECK(item.contains("chunk"));
}

TEST_CASE("a toy provider") {
  CHECK(is_provider("toy"));
  CHECK(has(providers(), "toy"));
  CHECK(has_own_server("toy"));
  const auto chat = make_chat({.provider = "toy", .url = "", .model = "a model", .key = {}});
  CHECK(chat->describe() == "toy a model at https://localhost/v1/ask");
}
