// Ports of loops within calls: what of the GPU, of memory and of budgets they take.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "context/context.hpp"
#include "gpu/device.hpp"
#include "loop_scene.hpp"
#include "tune/device_turn.hpp"
#include "worker_fixture.hpp"

using namespace loop_scene;

namespace {

// A loop that is ported, of a function that does nothing, as the fake driver's kernels do.
struct Ported : Scene {
  explicit Ported(const char* name) : Scene(name) {
    const auto program = folder.path / "analyse";
    std::filesystem::create_directories(folder.path);
    verdict.function = {"same", ScalarType::none, {size("n"), array("a", i32("n"))}, {}, {}};
    verdict.function.body = {made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), at("a", i32("i")))})};
    write();
    std::ofstream(program) << "#!/bin/sh\ncat " << (folder.path / "verdict.json").string() << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    settings.analyser = program, settings.compiler = "", settings.worker = testing::kProgram;
    settings.isolation = Isolation::in_process, settings.loop_budget_s = 60;
  }
  void write() const { std::ofstream(folder.path / "verdict.json") << write_json(verdict); }
  // The function does something.
  void adds() {
    text = "void same(int n, float a[n]) { for (int i = 0; i < n; ++i) a[i] = a[i] + 1; }";
    verdict.function.body = {
        made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), binary("+", at("a", i32("i")), integer(1)))})};
    write();
  }
  port::LoopSource of_same() const { return source(text, "same"); }
  Loop same(Context::Impl& context) const { return Loop(context.loop(of_same(), {})); }
  static bool hangs(const char* asked) {
    for (const Deadline deadline = Deadline::in(60); fake::hanging(asked) == 0 && !deadline.passed();)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return fake::hanging(asked) == 1;
  }

  loop::Verdict verdict;
  std::string text = "void same(int n, float a[n]) { for (int i = 0; i < n; ++i) a[i] = a[i]; }";
};

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

// A C function that counts who enters, and lets nobody go while the door is shut.
struct Door {
  static inline std::atomic<int> entered = 0, others = 0;
  static inline std::atomic<bool> shut = false;
  static void same(int, float*) {
    ++entered;
    while (shut) nap();
  }
  static void other(int, float*) { ++others; }
};

}  // namespace

TEST_CASE("loop: a port has the turn of its GPU while a kernel is proven and while it is timed, and gives it back") {
  Ported scene("loop_turn");
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  Array a(300);
  const auto another_has_it = [&] {
    return DeviceTurn(scene.store()->folder(), device_uuid()).take(Deadline::in(0)) != nullptr;
  };
  fake::hang("cuLaunchKernelEx"), fake::hang("cuEventElapsedTime");
  Explanation e;
  std::thread caller([&] {
    const ContextScope scope(scene.own->handle);
    e = same.prepare(300, a.data());
  });
  for (const char* asked : {"cuLaunchKernelEx", "cuEventElapsedTime"}) {  // the proof's first launch, the first time
    CAPTURE(asked);
    CHECK(scene.hangs(asked));
    CHECK_FALSE(another_has_it());
    fake::release(asked);
  }
  caller.join();
  CHECK(another_has_it());
  CHECK(e.source == "this process");
}

TEST_CASE("loop: a port behind the calls rests when it has used the GPU, as the share of searches behind calls says") {
  Ported scene("loop_rests");
  scene.settings.mode = Mode::background, scene.settings.background_share = 0.4;
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  Array a(300);
  fake::hang("cuEventElapsedTime");
  same(nullptr, 300, a.data());
  CHECK(fake::launches().back().kernel == "same_serial_1_");
  CHECK(same.epoch() == 0);
  CHECK(scene.hangs("cuEventElapsedTime"));
  constexpr double kUsed = 0.3;
  std::this_thread::sleep_for(std::chrono::duration<double>(kUsed));
  fake::release("cuEventElapsedTime");
  const auto released = Clock::now();
  const auto kept = [&] { return same.prepare(300, a.data()).source != "serial"; };  // it is joined
  CHECK(kept());
  CHECK(seconds_since(released) >= kUsed * (1 / scene.settings.background_share - 1));
  CHECK(same.epoch() == 1);  // graphs that hold the one thread are worth capturing again
  same(nullptr, 300, a.data());
  CHECK(same.epoch() == 1);
}

TEST_CASE("loop: behind the calls a capture's loop is ported too, and what serves then is told without another call") {
  Ported scene("loop_captured_behind");
  scene.settings.mode = Mode::background;
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  Array a(300);
  const OwnedStream stream = OwnedStream::make();
  const auto captured = [&] {
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    same(stream.get(), 300, a.data());
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    return fake::launches().back().kernel;
  };
  CHECK(captured() == "same_serial_1_");
  CHECK(same.epoch() == 0);
  for (const Deadline deadline = Deadline::in(60); same.epoch() == 0 && !deadline.passed();)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(same.epoch() == 1);
  captured();
  CHECK(same.explain(300, a.data()).source == "this process");
  CHECK(context.counters().searches == 1);
}

TEST_CASE("loop: behind the calls what an older driver proved is proven again, and what comes of it serves") {
  Ported scene("loop_stale_behind");
  Array a(300);
  {
    Context::Impl context(scene.settings);
    scene.same(context).prepare(300, a.data());
  }
  auto record = scene.store()->find_work(loop::kLoop, scene.key(scene.verdict.function));
  REQUIRE(record);
  loop::Winner winner = loop::read_winner(record->text);
  winner.driver = "100.1", record->text = loop::write_json(winner);
  scene.store()->put_work(*record);

  scene.settings.mode = Mode::background;
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  fake::hang("cuEventElapsedTime");
  same(nullptr, 300, a.data());
  CHECK_HAS(same.explain(300, a.data()).note, "was 100.1");
  fake::release("cuEventElapsedTime");
  const auto proven = [&] { return same.explain(300, a.data()).source == "this process"; };
  for (const Deadline deadline = Deadline::in(60); !proven() && !deadline.passed();)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(proven());
  CHECK(same.explain(300, a.data()).note.find("was 100.1") == std::string::npos);
}

TEST_CASE("loop: once it is closed no thread of the library's runs its C function; who is in it is waited for") {
  Ported scene("loop_closed");
  scene.settings.mode = Mode::background;
  Context::Impl context(scene.settings);
  const auto open = [&](LoopHost host) { return std::make_unique<Loop>(context.loop(scene.of_same(), std::move(host))); };
  Array a(300);
  Door::entered = Door::others = 0, Door::shut = true;
  auto running = open(&Door::same), queued = open(&Door::other);
  (*running)(nullptr, 300, a.data());
  (*queued)(nullptr, 300, a.data());
  for (const Deadline deadline = Deadline::in(60); Door::entered == 0 && !deadline.passed();) nap();
  REQUIRE(Door::entered == 1);
  queued.reset();
  std::atomic<bool> closed{false};
  std::thread closer([&] { running.reset(), closed = true; });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK_FALSE(closed);
  Door::shut = false;
  closer.join();
  const int entered = Door::entered;
  CHECK(scene.same(context).prepare(300, a.data()).source == "this process");  // behind them
  CHECK(Door::entered == entered);
  CHECK(Door::others == 0);
}

TEST_CASE("loop: a port that ends without a kernel and lacks nothing is made once; a record that comes later serves") {
  for (const Mode mode : {Mode::tune, Mode::background}) {
    CAPTURE(static_cast<int>(mode));
    Ported scene("loop_in_vain");
    scene.adds();  // and what the templates make of it leaves all as it was
    scene.settings.mode = mode;
    Clock::time_point now = Clock::now();
    Context::Impl context(scene.settings, nullptr, [&] { return now; });
    const Loop same = scene.same(context);
    Array a(300);
    same(nullptr, 300, a.data());
    const auto told = [&] { return same.explain(300, a.data()).note.find("no kernel of it is right") != std::string::npos; };
    for (const Deadline deadline = Deadline::in(60); !told() && !deadline.passed();) nap();
    CHECK(told());
    for (int i = 0; i < 3; ++i) {
      now += std::chrono::seconds(61);
      same(nullptr, 300, a.data());
      CHECK(fake::launches().back().kernel == "same_serial_1_");
    }
    same.prepare(300, a.data());
    CHECK(context.counters().searches == 1);
    scene.win(scene.verdict.function, scene.one_kernel("same_1"), {"nothing"});
    now += std::chrono::seconds(61);
    same(nullptr, 300, a.data());
    CHECK(fake::launches().back().kernel == "same_1");
  }
}

TEST_CASE("loop: an LLM's record that nothing has found wrong stays beside what a port of the templates came to") {
  Ported scene("loop_llm_stays");
  scene.settings.llm_code = LlmCode::kept;  // and no worker, without which no LLM's kernel is launched
  Winner written = scene.one_kernel("same_llm_1_");
  written.kernels[0].origin = loop::Origin::llm, written.kernels[0].template_name = "llm";
  written.driver = "100.1";
  const auto key = [&](bool by_llm) { return loop::winner_key(scene.verdict.function, {}, scene.hardware, by_llm); };
  const WorkRecord record{std::string(loop::kLoop), key(true), write_json(written),
                          loop::pack_images({"fake kernel: nothing"})};
  scene.store()->put_work(record);
  Context::Impl context(scene.settings);
  Array a(300);
  const Explanation e = scene.same(context).prepare(300, a.data());
  CHECK(e.source == "this process");
  CHECK(e.proposer == "templates");
  CHECK(scene.store()->find_work(loop::kLoop, key(true)) == record);
  CHECK(scene.store()->find_work(loop::kLoop, key(false)));
}

TEST_CASE("loop: arrays that take more device memory than a search may have are not timed, and what serves says so") {
  Ported scene("loop_bytes");
  scene.settings.search_bytes = 1000;
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  Array a(300);
  const Explanation e = same.prepare(300, a.data());
  CHECK(e.source == "this process");
  const auto record = scene.store()->find_work(loop::kLoop, scene.key(scene.verdict.function));
  REQUIRE(record);
  for (const SizeRow& row : loop::read_winner(record->text).sizes) CHECK(row.size < 250);
  CHECK_HAS(e.note, "not timed at 300 iterations: its arrays take 1200 bytes of device memory, 1000 may be taken");
  same(nullptr, 300, a.data());
  CHECK(fake::launches().back().kernel == "same_serial_1_");
}

TEST_CASE("loop: where the process's budget is used up nothing is ported, and what serves says so") {
  Scene scene("loop_budget");
  scene.know(scale_function(), scene.source());
  scene.settings.process_budget_s = 0;
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  Array a(300), b(300);
  const Explanation e = scale.prepare(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");
  CHECK_HAS(e.note, "the process budget is used up");
  CHECK_HAS(e.note, "AK_PROCESS_BUDGET_S");
}
