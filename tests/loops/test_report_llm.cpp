// What a report says of a language model's kernels.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "port/report/report.hpp"
#include "port/report/report_llm.hpp"
#include "tests/texts.hpp"

using namespace ak::port;

namespace {

Attempt template_of(const std::string& what, double us) {
  Attempt a;
  a.what = what, a.us = us;
  return a;
}

Attempt by_llm(Status status, double us = 0, const std::string& arm = "skeleton", bool as_template = false) {
  Attempt a;
  a.llm = true, a.what = "m", a.status = status, a.us = us, a.arm = arm, a.as_template = as_template;
  a.tokens = 100, a.seconds = 2;
  if (status != Status::passed) a.why = "why of " + std::string(name(status));
  return a;
}

Entry entry(const std::string& name, std::vector<Attempt> attempts) {
  Entry e;
  e.name = name, e.file = "f.c", e.attempts = std::move(attempts);
  for (const Attempt& a : e.attempts) e.llm_tokens += a.tokens;
  return e;
}

std::string text(const Results& results) {
  std::string all;
  for (const Section& s : llm_sections(results)) all += s.text() + "\n";
  return all;
}

}  // namespace

TEST_CASE("report: Wilson intervals") {
  // As tables have them.
  CHECK(wilson(8, 10).first == doctest::Approx(0.4902).epsilon(0.001));
  CHECK(wilson(8, 10).second == doctest::Approx(0.9433).epsilon(0.001));
  CHECK(wilson(0, 20).first == 0);
  CHECK(wilson(0, 20).second == doctest::Approx(0.1611).epsilon(0.001));
  CHECK(wilson(151, 151).second == 1);
  CHECK(wilson(151, 151).first == doctest::Approx(0.9752).epsilon(0.001));
}

TEST_CASE(
    "report: an LLM's first tries by arm, its failures by class, its times beside the templates'; nothing where none was "
    "asked") {
  Results r;
  r.entries = {
      entry("a", {template_of("map block=256", 4), template_of("serial", 90), by_llm(Status::passed, 2)}),
      entry("b", {template_of("scan block=256", 3), by_llm(Status::race), by_llm(Status::compile), by_llm(Status::passed, 6)}),
      entry("c", {by_llm(Status::passed, 0, "skeleton", true)}), entry("d", {template_of("map", 1)}),
      entry("e", {by_llm(Status::race, 0, "bare"), by_llm(Status::race, 0, "bare")})};
  const std::string all = text(r);
  CAPTURE(all);
  const auto row = [&](const std::string& first) {
    const auto at = all.find("\n  " + first + " ");
    std::string line = at == all.npos ? "" : all.substr(at + 1, all.find('\n', at + 1) - at - 1), out;
    for (const char c : line)
      if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
    return out;
  };
  CHECK(row("bare") == "bare 1 0 0.0 % 0.0-79.3 % 0 0 0.0 % 2 200 4.0");
  CHECK(row("skeleton") == "skeleton 3 1 33.3 % 6.1-79.2 % 3 3 100.0 % 5 167 3.3");
  CHECK(has(all, "1 right at once as a template's kernels under other names"));
  CHECK(row("race") == "race 3 75.0 % b: why of race");
  CHECK(row("compile") == "compile 1 25.0 % b: why of compile");
  CHECK(row("a") == "a map 4.00 us 2.00 us 2.00x");
  CHECK(row("b") == "b scan 3.00 us 6.00 us 0.50x");
  CHECK(has(all, "1 of 2 faster by more than 1 %, 1 slower; geometric mean 1.00x, most 2.00x"));
  CHECK(has(report(r, nullptr, Markup::text), "An LLM's attempts, by how much it was told"));
  CHECK(has(summary(r.entries[1]), "LLM right at attempt 3, 300 tokens"));
  CHECK(has(summary(r.entries[4]), "LLM wrong in 2 attempts, 200 tokens"));
  CHECK(!has(summary(r.entries[3]), "LLM"));
  // What was asked for other sizes is no try at its own, and costs as much.
  r.entries[4].further = {by_llm(Status::passed, 1, "bare"), by_llm(Status::compile, 0, "bare")};
  const std::string more = text(r);
  CHECK(has(more, "compile         2"));
  CHECK(has(more, "0.0-79.3 %"));
  CHECK(has(more, "400"));
  r.entries = {r.entries[3]};
  CHECK(text(r) == "");
}

TEST_CASE("results: all of an attempt is written and read again") {
  Results r;
  r.entries = {entry("a", {template_of("map block=256", 4.5), by_llm(Status::unread, 0, "bare"),
                           by_llm(Status::passed, 2.25, "verdict", true)})};
  r.entries[0].attempts[1].anew = true;
  r.entries[0].further = {by_llm(Status::race)};
  r.entries[0].further[0].part = "LEN=16 k=3";
  CHECK(read_results("r.json", write_json(r)) == r);
}
