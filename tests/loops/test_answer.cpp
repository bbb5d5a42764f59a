// What a language model's answer is read as.
#include <doctest/doctest.h>

#include <string>
#include <tuple>

#include "corpus.hpp"
#include "made.hpp"
#include "port/llm/answer.hpp"

using namespace ak;
using namespace ak::port;
using namespace made;

namespace {

loop::Function function() { return {"f", ScalarType::none, {size("n"), value("x"), array("a", i32("n"))}, {}, {}}; }

std::string answer(const std::string& json, const std::string& code = "kernels\n") {
  return "```json\n" + json + "\n```\n```cuda\n" + code + "```\n";
}

constexpr const char* kLaunches = R"("launches": [{"kernel": "k", "blocks": "n / 2 + sms", "threads": 64}])";

std::string fault(const std::string& text) { return read_answer(text, function()).fault; }

}  // namespace

TEST_CASE("answer: what a template makes, written as an answer, is read as the same kernels and geometry") {
  int compared = 0;
  for (const test::OwnLoop* own : test::sample_of(1))
    for (const loop::Candidate& candidate : test::candidates_of(*own)) {
      const loop::Verdict& verdict = test::verdict_of(*own);
      if (candidate.scratch.size() > kMostScratch || candidate.launches.size() > kMostLaunches) continue;
      const KernelAnswer read = read_answer(answer_text(candidate, "because"), verdict.function);
      CAPTURE(own->name);
      REQUIRE(read.fault == "");
      CHECK(read.why == "because");
      CHECK(read.candidate.origin == loop::Origin::llm);
      CHECK(candidate.text.ends_with(read.candidate.text));
      REQUIRE(read.candidate.launches.size() == candidate.launches.size());
      REQUIRE(read.candidate.scratch.size() == candidate.scratch.size());
      for (const std::int64_t n : {0, 1, 1000}) {
        loop::Values values{{loop::kSms, 132}};
        for (const loop::Parameter& parameter : verdict.function.parameters)
          if (!parameter.pointer && !is_real(parameter.type)) values[parameter.name] = n;
        for (std::size_t i = 0; i < candidate.launches.size(); ++i)
          CHECK(loop::evaluate(read.candidate.launches[i].blocks, values) ==
                loop::evaluate(candidate.launches[i].blocks, values));
        for (std::size_t i = 0; i < candidate.scratch.size(); ++i)
          CHECK(loop::evaluate(read.candidate.scratch[i].elements, values) ==
                loop::evaluate(candidate.scratch[i].elements, values));
      }
      for (std::size_t i = 0; i < candidate.launches.size(); ++i) {
        const loop::Launch &a = read.candidate.launches[i], &b = candidate.launches[i];
        CHECK(a.kernel == b.kernel);
        CHECK(std::tuple(a.threads, a.shared_bytes, a.waits) == std::tuple(b.threads, b.shared_bytes, b.waits));
      }
      ++compared;
    }
  CHECK(compared > 100);
}

TEST_CASE("answer: prose, thinking, a JSON without a fence and a number for blocks do no harm") {
  const std::string code = "```\nkernels {}\n```";
  for (const std::string& text :
       {"<think>```cuda\nno\n```</think>Sure! {\"why\": \"it {fits}\", \"launches\": [{\"kernel\": \"k\", \"blocks\": 7, "
        "\"threads\": 32}]}\n" +
            code,
        "Here:\n" + code +
            "\nlaunched by {\"launches\": [{\"kernel\": \"k\", \"blocks\": \"7\", \"threads\": 32}], \"notes\": 1}"}) {
    const KernelAnswer read = read_answer(text, function());
    CHECK(read.fault == "");
    REQUIRE(read.candidate.launches.size() == 1);
    CHECK(loop::evaluate(read.candidate.launches[0].blocks, {}) == 7);
    CHECK(read.candidate.text == "kernels {}\n");
  }
}

TEST_CASE("answer: what is missing or wrong is said in one line that names it") {
  CHECK(read_answer(answer(std::string("{") + kLaunches + "}"), function()).ok());
  CHECK(fault("") == "no block of code: begin it by a line of ```cuda and end it by a line of ```");
  CHECK(fault("I cannot do this.").starts_with("no block of code"));
  CHECK(fault("```cuda\nkernels\n```\n") == "no JSON with \"launches\"");
  CHECK(fault("```cuda\nker").ends_with("the answer was cut off, make it shorter"));
  CHECK(fault(answer(std::string("{") + kLaunches + "}") + "```cpp\nmore\n```") ==
        "two blocks of code: one is wanted, with all kernels");
  CHECK(fault(answer("{}")).find("launches") != std::string::npos);
  CHECK(fault(answer("{\"launches\": []}")) == "answer: launches: is empty");
  CHECK(fault(answer("{\"launches\": [")).find("answer") != std::string::npos);
  const auto launch = [](const std::string& fields) { return fault(answer("{\"launches\": [{" + fields + "}]}")); };
  CHECK(launch(R"("blocks": "n", "threads": 32)").starts_with("answer: launches[0].kernel"));
  CHECK(launch(R"("kernel": "a b", "blocks": "n", "threads": 32)") ==
        "answer: launches[0].kernel: 'a b' is no name of a kernel");
  CHECK(launch(R"("kernel": "k", "blocks": "a[0]", "threads": 32)")
            .starts_with("answer: launches[0].blocks: 'a[0]' is no expression of"));
  CHECK(launch(R"("kernel": "k", "blocks": "x", "threads": 32)")
            .starts_with("answer: launches[0].blocks: 'x' is no expression of"));
  CHECK(launch(R"("kernel": "k", "blocks": "n", "threads": 33)") == "answer: launches[0].threads: 33 is no multiple of 32");
  CHECK(launch(R"("kernel": "k", "blocks": "n", "threads": 2048)").starts_with("answer: launches[0].threads: "));
  CHECK(launch(R"("kernel": "k", "blocks": "n", "threads": 32, "shared_bytes": 65536)")
            .starts_with("answer: launches[0].shared_bytes: "));
  const auto scratch = [](const std::string& fields) {
    return fault(answer(std::string("{") + kLaunches +
                        ", \"scratch\": [{\"name\": \"s\", \"type\": \"int\", \"elements\": 1}, {" + fields + "}]}"));
  };
  CHECK(scratch(R"("name": "t", "type": "double", "elements": "2 * n")") == "");
  CHECK(scratch(R"("name": "s", "type": "int", "elements": 1)") == "answer: scratch[1].name: 's' is no name of its own");
  CHECK(scratch(R"("name": "a", "type": "int", "elements": 1)") == "answer: scratch[1].name: 'a' is no name of its own");
  CHECK(scratch(R"("name": "t", "type": "void*", "elements": 1)") ==
        "answer: scratch[1].type: 'void*' is none of float, double, int, long long");
  CHECK(scratch(R"("name": "t", "type": "int")").starts_with("answer: scratch[1].elements"));
  CHECK(fault(std::string(kMostAnswer + 1, ' ')) == "the answer is longer than 1024 KiB");
}
