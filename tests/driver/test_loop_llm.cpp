// Kernels that an LLM wrote, in a store that others fill: who takes none of them is served none.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "cache/pack.hpp"
#include "context/context.hpp"
#include "loop_scene.hpp"
#include "worker_fixture.hpp"

using namespace loop_scene;

namespace {

constexpr std::string_view kNames[] = {"off", "worker", "kept"};

struct Written : Scene {
  explicit Written(const char* name) : Scene(name) {
    know(scale_function(), source());
    settings.mode = Mode::hit;
  }
  static Winner by_llm(const std::string& name = "written_1") {
    Winner winner = one_kernel(name);
    winner.kernels[0].origin = loop::Origin::llm, winner.kernels[0].template_name = "llm";
    return winner;
  }
  // proven: with what the fake driver runs; else as a pack brings it.
  void keep(const Winner& winner, bool as_llms, bool proven = true) const {
    const std::vector<std::string> images(winner.kernels.size(), "fake kernel: scales");
    store()->put_work({std::string(loop::kLoop), loop::winner_key(scale_function(), {}, hardware, as_llms), write_json(winner),
                       proven ? loop::pack_images(images) : ""});
  }
  struct Served {
    std::string kernel;
    Explanation explanation;
  };
  Served served(LlmCode code) {
    settings.llm_code = code;
    Context::Impl context(settings);
    const Loop scale(context.loop(source(), {}));
    Array a(300), b(300);
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    const std::string kernel = fake::launches().empty() ? "nothing" : fake::launches().back().kernel;
    return {kernel, scale.prepare(300, 2.f, a.data(), b.data())};
  }
};

}  // namespace

TEST_CASE("loop: what an LLM wrote serves only where llm_code is kept, whichever record has it") {
  for (const bool as_llms : {true, false}) {
    CAPTURE(as_llms);
    Written scene("loop_llm");
    scene.keep(scene.by_llm(), as_llms);
    for (const LlmCode code : {LlmCode::off, LlmCode::worker}) {
      const auto served = scene.served(code);
      CHECK(served.kernel == "scale_serial_1_");
      CHECK(served.explanation.proposer != "llm");
      CHECK_HAS(served.explanation.note, fmt::format("its record has a kernel that an LLM wrote, and AK_LLM_CODE is {}",
                                                     kNames[static_cast<int>(code)]));
    }
    const auto served = scene.served(LlmCode::kept);
    CHECK(served.kernel == "written_1");
    CHECK(served.explanation.source == "store");
    CHECK(served.explanation.proposer == "llm");
  }
}

TEST_CASE("loop: beside an LLM's record the templates' own one stands, and serves who takes no other") {
  Written scene("loop_llm_beside");
  scene.keep(scene.by_llm(), true);
  scene.keep(scene.one_kernel("made_1"), false);
  CHECK(scene.served(LlmCode::off).kernel == "made_1");
  CHECK(scene.served(LlmCode::worker).kernel == "made_1");
  const auto made = scene.served(LlmCode::off);
  CHECK(made.explanation.proposer == "templates");
  CHECK(made.explanation.note.find("LLM") == std::string::npos);
  CHECK(scene.served(LlmCode::kept).kernel == "written_1");
}

TEST_CASE("loop: an LLM's record that serves nobody, or for a while, hides no record of the templates' that does") {
  Written scene("loop_llm_hides");
  scene.keep(scene.one_kernel("made_1"), false);
  scene.keep(scene.by_llm(), true, false);  // as a pack brings it
  CHECK(scene.served(LlmCode::kept).kernel == "made_1");
  Winner older = scene.by_llm();
  older.driver = "100.1";
  scene.keep(older, true);
  CHECK(scene.served(LlmCode::kept).kernel == "made_1");
  Winner made = scene.one_kernel("made_1");
  made.driver = "100.1";
  scene.keep(made, false);
  CHECK(scene.served(LlmCode::kept).kernel == "written_1");
}

TEST_CASE("loop: a record with one kernel of an LLM's among others serves nobody who takes none") {
  Written scene("loop_llm_mixed");
  Winner winner = scene.one_kernel("made_1");
  winner.kernels.push_back(scene.by_llm().kernels[0]);
  winner.sizes = {{10, 0, 5, 0, 0, 0}, {100000, 1, 5, 0, 0, 0}};
  scene.keep(winner, false);
  CHECK(scene.served(LlmCode::off).kernel == "scale_serial_1_");
  CHECK(scene.served(LlmCode::kept).kernel == "made_1");
}

TEST_CASE("loop: an imported kernel of an LLM's is none before it is proven here, and a hostile one is no more after that") {
  const ak::testing::FakeDriver fakes;  // of the worker's
  Written scene("loop_llm_import");
  Winner winner = scene.by_llm("scale_llm_1_");
  winner.kernels[0].text =
      "extern \"C\" __global__ void scale_llm_1_(int n, float k, float* a, const float* b) { asm volatile(\"trap;\"); }"
      "  // fake kernel: scales";
  scene.keep(winner, true, false);
  CHECK_HAS(scene.served(LlmCode::kept).explanation.note, "its record is not proven here, and AK_MODE is hit");
  CHECK(scene.served(LlmCode::kept).kernel == "scale_serial_1_");

  // The real compiler, the real worker.
  scene.settings.analyser = analyser_of_scale(scene.folder.path), scene.settings.compiler.clear(), scene.settings.worker = AK_BINARY_DIR "/ak-worker";
  scene.settings.mode = Mode::tune, scene.settings.loop_budget_s = 1;
  Log log;
  set_log_level(LogLevel::debug);
  const auto served = scene.served(LlmCode::kept);
  CHECK(served.kernel != "scale_llm_1_");
  CHECK(served.explanation.proposer != "llm");
  const auto of_llm = scene.store()->find_work(loop::kLoop, loop::winner_key(scale_function(), {}, scene.hardware, true));
  REQUIRE(of_llm);
  CHECK(loop::read_winner(of_llm->text) == winner);  // it stays, and is not proven
  CHECK(of_llm->local.empty());
  CHECK_MESSAGE(log.has("llm: refused: line 1: 'asm': no inline assembly"), log.text);
}
