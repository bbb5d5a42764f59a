// The question to a language model.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "corpus.hpp"
#include "loop/c_tokens.hpp"
#include "port/cases/size_expression.hpp"
#include "port/gate/gate.hpp"
#include "port/gate/gate_words.hpp"
#include "port/llm/answer.hpp"
#include "port/llm/excerpt.hpp"
#include "port/llm/kernel_facts.hpp"
#include "tests/texts.hpp"

using namespace ak;
using namespace ak::port;

namespace {

const Tools kTools{AK_BINARY_DIR "/ak-analyse", {}, {}};

std::string whole(const KernelPrompt& prompt) { return prompt.system + "\n\n" + prompt.user; }

PortRequest request_of(const test::OwnLoop& own) {
  PortRequest request;
  request.tools = kTools, request.verdict = test::verdict_of(own), request.function = request.verdict.function;
  request.source.file = own.path, request.source.function = own.name;
  request.source.text = read_source(request.source);
  return request;
}

}  // namespace

TEST_CASE(
    "prompt: 500 to 2,000 tokens in each arm, the same at each asking, with the C text and nothing of what an arm leaves out") {
  for (const test::OwnLoop* own : test::sample_of(1)) {
    CAPTURE(own->name);
    const PortRequest request = request_of(*own);
    const KernelFacts facts = kernel_facts(request, PromptArm::skeleton, Deadline::in(20));
    std::size_t before = 0;
    for (const PromptArm arm : {PromptArm::bare, PromptArm::verdict, PromptArm::skeleton}) {
      const std::string text = whole(kernel_prompt(facts, arm));
      CHECK(text.size() / 4 >= 500);
      CHECK(text.size() / 4 <= 2000);
      CHECK(text.size() > before);
      before = text.size();
      CHECK(has(text, " " + own->name + "("));
      CHECK(has(text, loop::c_parameters(loop::flattened(request.verdict.function))));
      CHECK(has(text, loop::text(request.verdict) + "\n") == (arm != PromptArm::bare));
      CHECK(has(text, "Another function of this kind") == (arm == PromptArm::skeleton));
      CHECK(!has(text, "// " + loop::text(request.verdict)));  // what line 1 of its file says
    }
    static bool once = false;
    if (std::exchange(once, true)) continue;
    const KernelFacts again = kernel_facts(request, PromptArm::skeleton, Deadline::in(20));
    CHECK(whole(kernel_prompt(again, PromptArm::skeleton)) == whole(kernel_prompt(facts, PromptArm::skeleton)));
  }
}

TEST_CASE("prompt: names of one word that the prelude has, and a function may not, are told") {
  const PortRequest request = request_of(*test::sample_of(1).front());
  const std::string text = whole(kernel_prompt(kernel_facts(request, PromptArm::bare, Deadline::in(20)), PromptArm::bare));
  const auto tokens = loop::c_tokens(text);
  for (const std::string& name : gate::prelude_names()) {
    CAPTURE(name);
    // Others have an underscore, a digit or a capital inside, and nobody comes to them unless told of them.
    if (std::all_of(name.begin(), name.end(), [](char letter) { return letter >= 'a' && letter <= 'z'; }))
      CHECK(std::find(tokens.begin(), tokens.end(), name) != tokens.end());
  }
}

TEST_CASE("prompt: a skeleton is of the function's class, and never the function itself under another name") {
  LoopSource source;
  source.file = "mine.c", source.function = "mine";
  const auto shown = [&](const std::string& text) {
    source.text = text;
    PortRequest request;
    request.source = source, request.tools = kTools;
    request.verdict = analyse(source, {}, kTools, Deadline::in(20));
    return kernel_facts(request, PromptArm::skeleton, Deadline::in(20)).skeletons;
  };
  auto skeletons = shown("void mine(int n, const int key[n], int bins[n]) { for (int i = 0; i < n; i++) bins[key[i]]++; }");
  REQUIRE(skeletons.size() == 2);
  CHECK(skeletons[0].verdict.function.name == "votes_by_party");
  CHECK(skeletons[1].verdict.function.name == "tone_map");
  skeletons = shown(
      "void mine(int n, float white, const float light[n], float shade[n]) {\n"
      "  for (int i = 0; i < n; i++) shade[i] = light[i] / (light[i] + white); }");
  REQUIRE(skeletons.size() == 1);
  CHECK(skeletons[0].verdict.function.name == "cool_layers");
}

TEST_CASE("prompt: each skeleton passes the gate, and what it is shown as is read as its kernels") {
  for (const char* part :
       {"wavefront", "rounds", "scan", "compact", "scatter", "exit", "chains", "reduce", "reorder", "lines", "map"}) {
    CAPTURE(std::string(part));
    const Skeleton shown = skeletons_for(part, {}, kTools, Deadline::in(20)).at(0);
    const loop::Function& function = shown.verdict.function;
    const auto refusal = refused(shown.candidate.text, gate_names(shown.candidate, function, false));
    CHECK((refusal ? refusal->text() : "") == "");
    CHECK(shown.candidate.template_name.find(part) != std::string::npos);
    CHECK(read_answer(answer_text(shown.candidate, "w"), function).fault == "");
  }
}

TEST_CASE("prompt: calls are told with what they always have, results with how they are judged") {
  LoopSource source;
  source.file = "near.c", source.function = "near";
  source.text = "void near(int n, int k, float a[n + k]) { for (int i = 0; i < n; i++) a[i] = a[i + k] + 1.0f; }";
  PortRequest request;
  request.source = source, request.tools = kTools;
  request.call.values = {{"k", 3}};
  request.verdict = analyse(source, request.call, kTools, Deadline::in(20));
  std::string text = kernel_prompt(kernel_facts(request, PromptArm::verdict, Deadline::in(20)), PromptArm::verdict).user;
  CHECK(has(text, "k is always 3."));
  CHECK(has(text, "bit for bit"));
  CHECK(has(text, "the iteration 3 later overwrites"));
  request.call = {}, request.call.aliases = {{"b", "a", 1}};
  source.function = "next",
  source.text =
      "float next(int n, float *a, float *b) { float s = 0; for (int i = 0; i < n; i++) s += a[i] = b[i]; return s; }";
  request.source = source;
  request.verdict = analyse(source, request.call, kTools, Deadline::in(20));
  text = kernel_prompt(kernel_facts(request, PromptArm::verdict, Deadline::in(20)), PromptArm::verdict).user;
  CHECK(has(text, "b is a +1 elements: they overlap."));
  CHECK(!has(text, "__restrict__"));
  CHECK(has(text, "result_[0]"));
  CHECK(has(text, "associated anew"));
}

TEST_CASE("excerpt: the function with what it names, in the order of its file, and nothing else; of a region its loop's body") {
  LoopSource source;
  source.file = "big.c", source.function = "work";
  source.text =
      "#include <math.h>\n#define SCALE 3\n#define UNUSED 4\n#define N (SCALE * 100)\ntypedef float real;\n"
      "static real twice(real x) { return x + x; }\nstatic real other(real x) { return x; }\n"
      "real a[N], b[N];\nvoid say(int i);\n"
      "void work(int rounds) {\n  for (int nl = 0; nl < rounds; nl++) {\n    for (int i = 0; i < N; i++) a[i] = twice(b[i]);  "
      "// kept\n"
      "    say(nl);\n  }\n}\n";
  const std::string named =
      "#define SCALE 3\n#define N (SCALE * 100)\ntypedef float real;\nstatic real twice(real x) { return x + x; }\n\n";
  CHECK(excerpt(source) == named + source.text.substr(source.text.find("void work")));
  source.body = "nl", source.drops = {"say"};
  CHECK(excerpt(source) == named + "{\n    for (int i = 0; i < N; i++) a[i] = twice(b[i]);  // kept\n    \n  }\n");
  source.function = "made_by_macro";
  CHECK(excerpt(source).empty());
}

TEST_CASE("size expression: what C computes of a call's integers, and the text of a term is read as that term's value") {
  const auto name = [](std::string_view word) -> std::optional<loop::Term> {
    if (word == "n" || word == "sms") return loop::scalar(word == "n" ? "n" : loop::kSms, loop::ScalarType::i64);
    return std::nullopt;
  };
  const auto value = [&](const std::string& text) -> std::optional<std::int64_t> {
    const auto term = size_expression(loop::c_tokens(text), name);
    if (!term) return std::nullopt;
    const loop::Values values{{"n", 1000}, {loop::kSms, 4}};
    CHECK(loop::evaluate(*size_expression(loop::c_tokens(size_text(*term)), name), values) == loop::evaluate(*term, values));
    return loop::evaluate(*term, values);
  };
  CHECK(value("(n + 255) / 256") == 4);
  CHECK(value("min(n, sms * 8) - -2") == 34);
  CHECK(value("-n + 1001") == 1);
  CHECK(value("n % 7 > 5 ? max(1, n / 2) : 0") == 500);
  CHECK(value("n * n * n * 1000") == 1000000000000);
  // A kernel's cut of its work, as a language model wrote it: min and max five deep.
  CHECK(value("min(1, max(0, n - 2) / max(max(64, 256 * min(1, max(0, 257 - n))), min(512, n * n / 49152))) * ((n + 127) / 128)") ==
        8);
  for (const char* none : {"", "n +", "m", "(n", "n)", "min(n)", "n < ", "08", "f(n)", "n = 3", "1.5", "\"n\""})
    CHECK(!value(none));
  std::string deep = "n";
  for (int i = 0; i < 12; ++i) deep = "min(" + deep + ",1)";
  CHECK(!value(deep));
}
