// Which candidates a port tries, in which order.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "ak/types.hpp"
#include "base/environment.hpp"
#include "base/temporary_folder.hpp"
#include "loop/verdict.hpp"
#include "made.hpp"
#include "port/analysis.hpp"
#include "port/candidates.hpp"
#include "port/port.hpp"
#include "port/proof/compiled_apart.hpp"
#include "port/templates/templates.hpp"

using namespace ak;
using namespace made;
using loop::Candidate;

namespace {

loop::Verdict parallel() {
  loop::Verdict verdict;
  verdict.function = {
      "scale",
      ScalarType::none,
      {size("n"), value("k"), array("a", i32("n")), array("b", i32("n"), true)},
      {},
      {made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), binary("*", f32("k"), at("b", i32("i"))))})}};
  loop::Group group;
  group.statements = {2}, group.loops = {{1, "i", loop::Role::parallel}};
  verdict.groups = {group};
  return verdict;
}

// Until the first has ended.
port::Ported ported(std::vector<Candidate> known, int tried = 0, const std::string& worker = {}) {
  port::PortRequest request;
  request.tools.worker = worker;
  request.verdict = parallel(), request.function = request.verdict.function;
  request.source.file = "scale.c", request.source.function = "scale";
  request.source.text =
      "void scale(int n, float k, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }";
  request.integers = {{"n", 1000}};
  request.quick = true;
  request.known = std::move(known), request.tried = tried;
  std::stop_source stop;
  return port::port(request, nullptr, Deadline::in(60, stop.get_token()), [&](const port::PortStep& step) {
    if (step.ended) stop.request_stop();
  });
}

std::vector<Candidate> order(const port::Ported& of) {
  std::vector<Candidate> all;
  for (const port::Tried& tried : of.tried) all.push_back(tried.candidate);
  return all;
}

}  // namespace

TEST_CASE("port: of another machine's winner only kernels go first that the templates here make, and no other text is tried") {
  const std::vector<Candidate> all = port::candidates(parallel());
  REQUIRE(all.size() > 3);
  Candidate hostile = all[2], moved = all[1];
  hostile.text += "\n// and more";
  moved.launches[0].threads *= 2;  // the text is one that is made here, its launch is not
  Candidate won = all[2];
  won.same_bits = !won.same_bits;  // as its proof was
  const auto tried = order(ported({hostile, won, moved}));
  REQUIRE(tried.size() == all.size());
  CHECK(tried[0] == all[2]);
  CHECK(tried[1] == all[0]);
  CHECK(tried[2] == all[1]);
  for (const Candidate& candidate : tried) CHECK(std::find(all.begin(), all.end(), candidate) != all.end());
}

TEST_CASE("port: what an LLM wrote is tried where it may be, read by the gate before, and proven as others are") {
  const auto written = [](const std::string& name, const std::string& body) {
    Candidate one{"serial", {{"block", 7}}, {}, {}, {}, false, loop::Origin::llm};
    one.launches = {{name, binary("/", binary("+", i32("n"), integer(255)), integer(256)), 256, 0, false, false}};
    one.text = "extern \"C\" __global__ void " + name +
               "(int n, float k, float* __restrict__ a, const float* __restrict__ b) {\n"
               "  const int i = blockIdx.x * 256 + threadIdx.x;\n  " +
               body + "\n}\n";
    return one;
  };
  Candidate other = written("asked_for", "if (i < n) a[i] = k * b[i];");
  other.launches[0].kernel = "another";
  const std::vector<Candidate> known{written("right_1", "if (i < n) a[i] = k * b[i];"),
                                     written("wrong_1", "if (i < n) a[i] = k + b[i];"), written("racy_1", "a[0] = k * b[0];"),
                                     written("hostile_1", "asm(\"trap;\");"), other};
  port::PortRequest request;
  request.verdict = parallel(), request.function = request.verdict.function;
  request.tools.worker = AK_BINARY_DIR "/ak-worker";
  request.source.file = "scale.c", request.source.function = "scale";
  request.source.text =
      "void scale(int n, float k, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }";
  request.integers = {{"n", 1000}};
  request.quick = true, request.known = known;
  const auto of_llm = [&](std::size_t ends) {
    std::vector<port::Tried> found;
    std::size_t ended = 0;
    std::stop_source stop;
    const port::Ported ported =
        port::port(request, nullptr, Deadline::in(60, stop.get_token()), [&](const port::PortStep& step) {
          ended += step.ended != nullptr;
          if (ended == ends) stop.request_stop();
        });
    for (const port::Tried& tried : ported.tried)
      if (tried.candidate.origin == loop::Origin::llm) found.push_back(tried);
    return found;
  };
  request.llm = true;
  const auto tried = of_llm(known.size());
  REQUIRE(tried.size() == known.size());
  const std::pair<port::Status, const char*> expected[] = {{port::Status::passed, ""},
                                                           {port::Status::incorrect, "a["},
                                                           {port::Status::race, "a[0]"},
                                                           {port::Status::refused, "line 3: 'asm': no inline assembly"},
                                                           {port::Status::refused, "no such kernel is asked for"}};
  for (std::size_t i = 0; i < tried.size(); ++i) {
    INFO(known[i].launches[0].kernel);
    CHECK(tried[i].candidate.template_name == port::kLlm);  // whatever its record calls it
    CHECK_MESSAGE(tried[i].status == expected[i].first, port::name(tried[i].status), ": ", tried[i].why);
    CHECK_MESSAGE(tried[i].why.find(expected[i].second) != std::string::npos, tried[i].why);
  }
  request.llm = false;
  CHECK(of_llm(0).empty());
}

TEST_CASE("port: one that goes on tries its winner again and what was not tried, nothing else") {
  const std::vector<Candidate> all = port::candidates(parallel());
  REQUIRE(all.size() > 4);
  const auto tried = order(ported({all[1]}, 3));
  REQUIRE(tried.size() == all.size() - 2);
  CHECK(tried[0] == all[1]);
  CHECK(tried[1] == all[3]);
  CHECK(ported({all[1]}, 3).winner.tried == 3);  // none of the others has ended
}

TEST_CASE("port: a call on which the C function leaves its arrays is refused; where the size is a guess, others are timed") {
  port::PortRequest request;
  request.verdict = parallel();
  request.verdict.function.parameters[2].extents = {integer(500)};
  request.function = request.verdict.function;
  request.source.file = "scale.c", request.source.function = "scale";
  request.source.text =
      "void scale(int n, float k, float a[500], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }";
  request.integers = {{"n", 1000}};
  request.quick = true;
  std::stop_source stop;
  const auto run = [&] {
    return port::port(request, nullptr, Deadline::in(60, stop.get_token()), [&](auto&) { stop.request_stop(); });
  };
  request.called = true;
  CHECK_THROWS_WITH_AS(run(), "'scale' cannot be called so: it leaves its arrays at line 2: subscript 500 (n=1000 mixed)",
                       ak::Error);
  request.called = false;
  const port::Ported ported = run();
  CHECK(ported.timed[0].first == loop::Values{{"n", 500}});
  for (const auto& [integers, recipe] : ported.timed) CHECK(integers.at("n") <= 500);
}

TEST_CASE("port: of a call with arrays of gigabytes a smaller one is run and timed") {
  port::PortRequest request;
  request.verdict = parallel(), request.function = request.verdict.function;
  request.source.file = "scale.c", request.source.function = "scale";
  request.source.text =
      "void scale(int n, float k, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }";
  request.integers = {{"n", 2000000000}};
  request.quick = request.called = true;
  std::stop_source stop;
  const port::Ported ported =
      port::port(request, nullptr, Deadline::in(60, stop.get_token()), [&](auto&) { stop.request_stop(); });
  REQUIRE(!ported.timed.empty());
  for (const auto& [integers, recipe] : ported.timed) CHECK(integers.at("n") <= 1 << 24);
  CHECK(ported.timed[0].first.at("n") >= 1 << 20);
}

TEST_CASE("port: one thread is tried before the time is over, however many others are slow and fail") {
  port::PortRequest request;
  request.verdict = parallel();  // of a loop that is none
  request.verdict.function.body[0].begin = integer(1);
  request.verdict.function.body[0].body[0].value = binary("*", f32("k"), at("a", binary("-", i32("i"), integer(1))));
  const loop::Node& nest = request.verdict.function.body[0];
  request.verdict.dependences = {// so that the C function's run says nothing new
                                 {loop::Dependence::Kind::flow, "a", nest.body[0].id, nest.body[0].id, nest.id, {1}}};
  request.function = request.verdict.function;
  request.source.file = "scale.c", request.source.function = "scale";
  request.source.text =
      "void scale(int n, float k, float a[n], const float b[n]) { for (int i = 1; i < n; ++i) a[i] = k * a[i - 1]; }";
  request.integers = {{"n", 1000}};
  request.quick = true;
  request.tools.worker = AK_BINARY_DIR "/ak-worker";
  const Deadline deadline = Deadline::in(12);
  std::stop_source stop;
  std::vector<std::string> tried;
  port::port(request, nullptr, Deadline::in(12, stop.get_token()), [&](const port::PortStep& step) {
    if (!step.ended) return;
    const port::Tried& one = *step.ended;
    tried.push_back(one.candidate.template_name + " " + std::string(name(one.status)));
    if (tried.size() == 1) std::this_thread::sleep_for(std::chrono::duration<double>(0.52 * deadline.remaining()));
    if (tried.size() == 2) stop.request_stop();
  });
  REQUIRE(tried.size() >= 2);
  CHECK(tried[0] == "map race");
  CHECK(tried[1] == "serial passed");
}

TEST_CASE("port: kernels are compiled without contraction, which the proof of equal bits would refuse") {
  if (!compiler_available()) return;
  const std::string text =
      "extern \"C\" __global__ void f(float* a, float b, float c) { a[threadIdx.x] = a[threadIdx.x] * b + c; }";
  const Compiled apart = port::compile_kernels(text, "sm_90a");
  REQUIRE(apart.failure == "");
  CHECK(apart.cubin == port::compile_kernels(text, "sm_90a").cubin);
  CHECK(apart.cubin != compile(text, "sm_90a").cubin);
}

TEST_CASE("port: what nobody has reviewed is compiled in a process of its own, and ends there when it should") {
  if (!compiler_available()) return;
  const std::string worker = AK_BINARY_DIR "/ak-worker";
  const std::string text =
      "extern \"C\" __global__ void f(float* a, float b, float c) { a[threadIdx.x] = a[threadIdx.x] * b + c; }";
  CHECK(port::compile_apart(text, "sm_90a", worker, Deadline::in(30)).cubin == port::compile_kernels(text, "sm_90a").cubin);
  CHECK(port::compile_apart("extern \"C\" __global__ void f() { x; }", "sm_90a", worker, Deadline::in(30))
            .failure.find("\"x\" is undefined") != std::string::npos);
  const Compiled endless = port::compile_apart(
      "template <int a, int b> struct T { enum { v = T<a - 1, b>::v + T<a - 1, b + (1 << a)>::v }; };\n"
      "template <int b> struct T<0, b> { enum { v = 1 }; };\n"
      "extern \"C\" __global__ void f(int* a) { a[0] = T<24, 0>::v; }",
      "sm_90a", worker, Deadline::in(1));
  CHECK(endless.cubin.empty());
  CHECK_MESSAGE(endless.failure.find("does not compile for the GPU within 1 s") != std::string::npos, endless.failure);
  CHECK_THROWS_WITH_AS(port::compile_apart(text, "sm_90a", "/nowhere/ak-worker", Deadline::in(1)),
                       doctest::Contains("/nowhere/ak-worker"), Error);
}

TEST_CASE("port: kernels for whose compiler the time was too short are left for later, not given up") {
  const TemporaryFolder folder("ak-slow");
  const std::string program = folder.path() + "/slow-g++";
  std::ofstream(program) << "#!/bin/sh\nexec sleep 60\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const char* const before = std::getenv("CXX");
  const std::optional<std::string> kept = before ? std::optional<std::string>(before) : std::nullopt;
  setenv("CXX", program.c_str(), 1);
  read_environment();
  port::PortRequest request;
  request.verdict = parallel(), request.function = request.verdict.function;
  request.source.file = "scale.c", request.source.function = "scale";
  request.source.text =
      "void scale(int n, float k, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }";
  request.integers = {{"n", 1000}};
  request.quick = true, request.tools.worker = AK_BINARY_DIR "/ak-worker";
  std::optional<port::Ported> done;
  for (double seconds = 2; !done && seconds < 100; seconds *= 2) try {  // a busy machine has not even read the function by then
      done = port::port(request, nullptr, Deadline::in(seconds));
    } catch (const Error&) {
    }
  kept ? setenv("CXX", kept->c_str(), 1) : unsetenv("CXX");
  read_environment();
  REQUIRE(done);
  CHECK(done->tried[0].why.find("not compiled within") != std::string::npos);
  for (const port::Tried& tried : done->tried) CHECK_MESSAGE(tried.status == port::Status::budget, tried.why);
}

TEST_CASE("port: a host that ignores the ends of its children gets what others get") {
  struct Ignored {
    sighandler_t before = std::signal(SIGCHLD, SIG_IGN);
    ~Ignored() { std::signal(SIGCHLD, before); }
  } ignored;
  const port::Tools tools{AK_BINARY_DIR "/ak-analyse", {}, {}};
  const auto analysed = [&](const std::string& text, const port::Tools& with) {
    port::LoopSource source;
    source.file = "scale.c", source.function = "scale", source.text = text;
    return port::analyse(source, {}, with, Deadline::in(60));
  };
  CHECK(loop::text(analysed("void scale(int n, float a[n]) { for (int i = 0; i < n; ++i) a[i] *= 2; }", tools)) ==
        "i:parallel");
  CHECK_THROWS_WITH_AS(analysed("void other(void) {}", tools), doctest::Contains("scale"), Error);
  const port::Tried tried = ported({}, 0, AK_BINARY_DIR "/ak-worker").tried.at(0);
  CAPTURE(tried.why);
  CHECK(tried.passed());
}

TEST_CASE("port: what is being done, for who waits") {
  CHECK(text(port::PortStep{"proof", 2, 12, 1}) == "proof 3 of 12, 1 right");
  CHECK(text(port::PortStep{"proof", 12, 12, 0}) == "proof 12 of 12");
  CHECK(text(port::PortStep{"timing", 0, 3}) == "timing 1 of 3");
}
