// What a store says of a loop: hits, misses, and what is damaged, foreign, unfinished or not there.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "base/build.hpp"
#include "base/environment.hpp"
#include "cache/pack.hpp"
#include "context/context.hpp"
#include "gpu/device.hpp"
#include "jit/compiler.hpp"
#include "loop_scene.hpp"
#include "worker_fixture.hpp"

using namespace loop_scene;

TEST_CASE("loop: a second process hits with no clang, no analyser and no compiler") {
  Scene scene("loop_second");
  scene.win_scale();
  Child second("a second process calls a loop that is known", scene.folder, 0);
  CHECK(second.line() == "598 1 0");
  CHECK(second.wait() == 0);
}

TEST_CASE("a second process calls a loop that is known" * doctest::skip()) {
  fake::reset();
  OwnContext own;
  fake::kernel("scales", [](const fake::Launch& launch) {
    const int n = taken<int>(launch.parameters, 0);
    for (int i = 0; i < n; ++i)
      taken<float*>(launch.parameters, 2)[i] =
          taken<float>(launch.parameters, 1) * taken<const float*>(launch.parameters, 3)[i];
  });
  Settings settings;
  settings.cache_dir = child_folder();
  settings.analyser = settings.compiler = settings.worker = "/nowhere/at-all";
  Array a(300), b(300);
  Context::Impl context(settings);
  const Loop scale(context.loop(Scene::source(), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  std::cout << a.data()[299] << ' ' << fake::launches().size() << ' ' << context.counters().searches << std::endl;
}

TEST_CASE("loop: overlaps and steering values are keys of their own, sizes are none; tangled arrays are served by one thread") {
  Scene scene("loop_keys");
  const Function function = scale_function();
  scene.know(function, scene.source());
  scene.win(function, scene.one_kernel("apart"), {"scales"});
  loop::CallClass moved;
  moved.aliases = {{"b", "a", 1}};
  scene.win(function, scene.one_kernel("moved"), {"scales"}, moved);
  scene.know(total_function(), scene.source(kTotalText, "total"));
  for (const std::int64_t first : {0, 3}) {
    loop::CallClass steered;
    steered.values = {{"first", first}};
    scene.win(total_function(), scene.one_kernel(fmt::format("from_{}", first)), {"nothing"}, steered);
  }
  scene.settings.mode = Mode::hit;
  Context::Impl context(scene.settings);
  Array a(3000), b(3000);
  const Loop scale(context.loop(scene.source(), {})), total(context.loop(scene.source(kTotalText, "total"), {}));
  const auto launched = [&](auto&& call) {
    fake::forget();
    call();
    return fake::launches().empty() ? "nothing" : fake::launches().back().kernel;
  };
  for (const int n : {100, 2000}) {
    CHECK(launched([&] { scale(nullptr, n, 2.f, a.data(), b.data()); }) == "apart");
    CHECK(launched([&] { scale(nullptr, n, 2.f, a.data(), a.data() + 1); }) == "moved");
    CHECK(launched([&] { scale(nullptr, n, 2.f, a.data(), a.data() + 2); }) == "scale_serial_1_");
    CHECK(launched([&] { total(nullptr, a.data(), n, 0L, b.data()); }) == "from_0");
    CHECK(launched([&] { total(nullptr, a.data(), n, 3L, b.data()); }) == "from_3");
    CHECK(launched([&] { total(nullptr, a.data(), n, 4L, b.data()); }) == "total_serial_1_");
    // The result within the array.
    CHECK(launched([&] { total(nullptr, b.data() + 5, n, 0L, b.data()); }) == "total_serial_1_");
    CHECK_HAS(total.explain(b.data() + 5, n, 0L, b.data()).note, "overlap by parts");
    CHECK(total.explain(a.data(), n, 0L, b.data()).served_by == "map block=256");
  }
  CHECK(scale.explain(100, 2.f, a.data(), a.data() + 1).problem == "scale b=a+1");
}

TEST_CASE("loop: another text, include, flag or length is a miss; a comment is none") {
  Scene scene("loop_changed");
  scene.settings.mode = Mode::hit;
  std::filesystem::create_directories(scene.folder.path / "include");
  const auto write = [&](const char* file, const std::string& text) { std::ofstream(scene.folder.path / file) << text; };
  write("f.c", "#include \"f.h\"\n#include <g.h>\n" + kText);
  write("f.h", "#define N 1\n");
  write("include/g.h", "#define M 1\n");
  port::LoopSource source;
  source.file = scene.folder.path / "f.c", source.function = "scale";
  source.flags = {"-DX=1", "-I", scene.folder.path / "include"};
  port::LoopSource read = source;
  read.text = port::read_source(source);
  scene.know(scale_function(), read);
  scene.win(scale_function(), scene.one_kernel(), {"scales"});
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const auto served = [&](const port::LoopSource& of) {
    const Loop scale(context.loop(of, {}));
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    return fake::launches().back().kernel;
  };
  const std::string bare = "scale_serial_1_";  // without the analyser
  CHECK(served(source) == "scale_1");
  write("f.h", "#define N 1 // one\n");
  CHECK(served(source) == "scale_1");
  write("f.h", "#define N 2\n");
  CHECK(served(source) == bare);
  write("f.h", "#define N 1\n");
  write("include/g.h", "#define M 2\n");
  CHECK(served(source) == bare);
  write("include/g.h", "#define M 1\n");
  write("f.c", "#include \"f.h\"\n#include <g.h>\n/* a comment */" + kText);
  CHECK(served(source) == "scale_1");
  port::LoopSource other = source;
  other.flags[0] = "-DX=2";
  CHECK(served(other) == bare);
  other = source, other.flags.insert(other.flags.end(), {"-imacros", scene.folder.path / "m.h"});
  write("m.h", "#define N 1\n");
  read.flags = other.flags;
  scene.know(scale_function(), read);
  CHECK(served(other) == "scale_1");
  write("m.h", "#define N 2\n");
  CHECK(served(other) == bare);
  other = source, other.lengths = {{"a", "n"}};
  CHECK(served(other) == bare);
  write("f.c", "#include \"f.h\"\n#include <g.h>\nint more;" + kText);
  CHECK(served(source) == bare);
}

TEST_CASE("loop: a changed header is a miss, also where a macro or the environment says which it is") {
  Scene scene("loop_headers");
  scene.settings.mode = Mode::hit;
  for (const char* folder : {"near", "far", "last"}) std::filesystem::create_directories(scene.folder.path / folder);
  const auto write = [&](const std::string& file, const std::string& text) { std::ofstream(scene.folder.path / file) << text; };
  const auto environment_is = [](const char* name, const std::string& value) {
    value.empty() ? ::unsetenv(name) : ::setenv(name, value.c_str(), 1);
    read_environment();
  };
  Array a(300), b(300);
  const auto is_known = [&](const port::LoopSource& of) {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(of, {}));
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    return fake::launches().back().kernel == "scale_1";
  };
  const auto know = [&](const port::LoopSource& source) {
    port::LoopSource read = source;
    read.text = port::read_source(source);
    scene.know(scale_function(), read);
  };
  scene.win(scale_function(), scene.one_kernel(), {"scales"});
  port::LoopSource source;
  source.file = scene.folder.path / "f.c", source.function = "scale";
  const auto follows = [&](const std::string& header) {
    CAPTURE(header);
    write(header, "#define N 1\n");
    know(source);
    CHECK(is_known(source));
    write(header, "#define N 2\n");
    CHECK_FALSE(is_known(source));
  };
  write("f.c", "#define NAMES OTHER\n#define OTHER \"named.h\"\n#include NAMES\n" + kText);
  follows("named.h");
  source.flags = {"-DWHICH=<given.h>", "-I" + (scene.folder.path / "near").string()};
  write("f.c", "#include WHICH\n" + kText);
  follows("near/given.h");
  write("near/next.h", "#include_next <next.h>\n");
  source.flags.insert(source.flags.end(), {"-isystem", scene.folder.path / "far"});
  write("f.c", "#include <next.h>\n" + kText);
  follows("far/next.h");
  // -I goes before -isystem, wherever it stands.
  write("far/twice.h", "#define N 1\n");
  source.flags = {"-isystem", scene.folder.path / "far", "-I", scene.folder.path / "near"};
  write("f.c", "#include <twice.h>\n" + kText);
  follows("near/twice.h");
  source.flags.clear();
  for (const char* variable : {"CPATH", "C_INCLUDE_PATH"}) {
    environment_is(variable, "/nowhere:" + (scene.folder.path / "last").string());
    write("f.c", fmt::format("#include <{}.h>\n{}", variable, kText));
    follows(fmt::format("last/{}.h", variable));
    environment_is(variable, "");
  }
  write("f.c", "#define NAMED(x) <x.h>\n#include NAMED(f)\n" + kText);  // nobody knows
  know(source);
  CHECK_FALSE(is_known(source));
}

TEST_CASE("loop: damaged records and images are misses with a line in the log") {
  Scene scene("loop_damaged");
  scene.settings.mode = Mode::hit;
  scene.know(scale_function(), scene.source());
  Array a(300), b(300);
  const auto served = [&] {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), {}));
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    return fake::launches().back().kernel;
  };
  const std::string key = scene.key(scale_function());
  const std::string text = write_json(scene.one_kernel());
  std::string images = loop::pack_images({"fake kernel: scales"});
  const std::string tag(loop::kLoop);
  {
    Log log;
    scene.store()->put_work({tag, key, "{\"kernels\": 3}", images});
    CHECK(served() == "scale_serial_1_");
    CHECK_MESSAGE(log.has("its record cannot be used: loop.kernels is not a list"), log.text);
  }
  images[images.size() - 3] ^= 1;
  {
    Log log;
    scene.store()->put_work({tag, key, text, images});
    CHECK(served() == "scale_serial_1_");
    CHECK_MESSAGE(log.has("images of its record are damaged"), log.text);
  }
  {
    Log log;
    scene.store()->put_work({tag, key, text, {}});  // a pack's
    CHECK(served() == "scale_serial_1_");
    CHECK(log.text.empty());
  }
  {
    Log log;
    const port::LoopSource source = scene.source();
    scene.store()->put_work({std::string(loop::kLoopSource), loop::source_key("scale", source.text, {}), {}, "{]"});
    CHECK(served() == "scale_serial_1_");
    CHECK_MESSAGE(log.has("its record cannot be read"), log.text);
  }
}

TEST_CASE("loop: a pack carries texts alone; a text that the templates here do not make never runs") {
  const ak::testing::FakeDriver fakes;  // of the worker's
  Scene scene("loop_pack");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel("hostile");
  winner.kernels[0].text = "extern \"C\" __global__ void hostile(int n) { } // fake kernel: harms";
  scene.win(scale_function(), winner, {"harms"});
  static int harmed = 0;
  harmed = 0;
  fake::kernel("harms", [](const fake::Launch&) { ++harmed; });
  const std::string file = scene.folder.path / "loops.pack";
  std::vector<WorkRecord> all;
  scene.store()->for_each_work({}, [&](const WorkRecord& record) { all.push_back(record); });
  REQUIRE(all.size() == 2);
  write_pack(file, {}, all);
  const Pack carried = read_pack(file);
  REQUIRE(carried.work.size() == 1);
  CHECK(carried.work[0].kind == loop::kLoop);
  CHECK(carried.work[0].local.empty());
  CHECK(loop::read_winner(carried.work[0].text) == winner);
  scene.store()->put_work(carried.work[0]);  // as `ak import` does

  {
    Settings hits = scene.settings;
    hits.mode = Mode::hit;
    Context::Impl context(hits);
    Array a(300), b(300);
    const Explanation e = Loop(context.loop(scene.source(), {})).prepare(300, 2.f, a.data(), b.data());
    CHECK(e.source == "serial");
    CHECK_HAS(e.note, "its record is not proven here, and AK_MODE is hit");
  }

  // The real compiler, the real worker.
  scene.settings.analyser = analyser_of_scale(scene.folder.path), scene.settings.compiler.clear();
  scene.settings.worker = AK_BINARY_DIR "/ak-worker";
  scene.settings.loop_budget_s = 4;
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(harmed == 0);
  for (const fake::Launch& launch : fake::launches()) CHECK(launch.kernel != "hostile");
  const Explanation e = scale.explain(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");  // no kernel of the fake compiler's is right
  CHECK_FALSE(e.note.empty());
}

TEST_CASE("loop: an unfinished winner serves, and is gone on with; what keeps that from happening is said") {
  Scene scene("loop_unfinished");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  winner.unfinished = true;
  scene.win(scale_function(), winner, {"scales"});
  const auto script = scene.folder.path / "analyse", asked = scene.folder.path / "asked";
  std::ofstream(script) << "#!/bin/sh\necho once >> " << asked.string()
                        << "\necho 'ak-analyse: there is no clang' >&2\nexit 4\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  scene.settings.analyser = script;
  const auto times = [&] {
    std::ifstream in(asked);
    return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
  };
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(fake::launches().back().kernel == "scale_1");
  CHECK(times() == 1);
  for (int i = 0; i < 5; ++i) scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(times() == 1);  // not at once
  CHECK_HAS(scale.explain(300, 2.f, a.data(), b.data()).note, "passing");
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(times() == 2);
  CHECK(fake::launches().back().kernel == "scale_1");
}

TEST_CASE("loop: what was proven under another driver or NVRTC serves, is proven again where that can be, and says so") {
  Scene scene("loop_driver");
  scene.know(scale_function(), scene.source());
  const auto script = scene.folder.path / "analyse", asked = scene.folder.path / "asked";
  std::ofstream(script) << "#!/bin/sh\necho once >> " << asked.string()
                        << "\necho 'ak-analyse: there is no clang' >&2\nexit 4\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  scene.settings.analyser = script;
  const auto note = [&](const std::string& driver, const std::string& nvrtc, Mode mode, const std::string& build = {}) {
    Winner winner = scene.one_kernel();
    winner.driver = driver, winner.nvrtc = nvrtc, winner.build = build;
    scene.win(scale_function(), winner, {"scales"});
    std::filesystem::remove(asked);
    scene.settings.mode = mode;
    Array a(300), b(300);
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), {}));
    scale(nullptr, 300, 2.f, a.data(), b.data());
    CHECK(fake::launches().back().kernel == "scale_1");
    return scale.explain(300, 2.f, a.data(), b.data()).note;
  };
  const auto serves_as_before = [](const std::string& words) { return words.find("before") != std::string::npos; };
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune)));
  CHECK(!std::filesystem::exists(asked));
  CHECK_HAS(note("100.1", "", Mode::tune),
            fmt::format("serves as it was proven before, the driver is now {}, was 100.1", driver_version()));
  CHECK(std::filesystem::exists(asked));
  CHECK_HAS(note("100.1", "", Mode::hit), "serves as it was proven before, the driver is now ");
  CHECK(!std::filesystem::exists(asked));
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune, std::string(build_digest()))));
  CHECK_HAS(note(driver_version(), "", Mode::tune, "another"),
            "serves as it was proven before, it was made by another build of the library");
  CHECK(std::filesystem::exists(asked));
  // What another build has read is read again where it can be.
  scene.know(scale_function(), scene.source(), {}, std::string(build_digest()));
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune)));
  CHECK(!std::filesystem::exists(asked));
  scene.know(scale_function(), scene.source(), {}, "another");
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune)));
  CHECK(std::filesystem::exists(asked));
  if (!compiler_version().empty() && !compiler_version_on_disk().empty()) {
    CHECK(!serves_as_before(note(driver_version(), compiler_version(), Mode::tune)));
    CHECK_HAS(note(driver_version(), "11.0", Mode::tune),
              fmt::format("serves as it was proven before, NVRTC is now {}, was 11.0", compiler_version()));
  }
}

TEST_CASE(
    "loop: without the analyser one thread runs the bare text; where it is there it is asked, and a missing compiler named") {
  Scene scene("loop_bare");
  const auto program = scene.folder.path / "analyse";
  std::filesystem::create_directories(scene.folder.path);
  scene.settings.analyser = program;
  Array a(300), b(300);
  std::vector<float> x(300), y(300, 1);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(a.data()[299] == 598);
  CHECK(fake::launches().back().kernel == "scale_serial_1_");
  CHECK(scaled_on_host == 0);
  Explanation e = scale.explain(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");
  CHECK_HAS(e.note, "no program ak-analyse");
  CHECK_HAS(e.note, "passing");
  scale(nullptr, 300, 2.f, x.data(), y.data());
  CHECK(scaled_on_host == 1);
  CHECK_HAS(error_of([&] { scale(nullptr, 400, 2.f, a.data(), b.data()); }), "its memory ends after 300");

  // The first words of one that is there.
  loop::Verdict verdict;
  verdict.as_read = verdict.function = scale_function();
  verdict.function.body.clear();  // what is right for some calls alone
  std::ofstream(scene.folder.path / "verdict.json") << write_json(verdict);
  std::ofstream(program) << "#!/bin/sh\ncat " << (scene.folder.path / "verdict.json").string() << "\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  e = scale.prepare(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");
  CHECK_HAS(e.note, "/nowhere/cc");
  CHECK_HAS(e.note, "passing");
  const auto known = scene.store()->find_work(loop::kLoopSource, loop::source_key("scale", kText, {}));
  REQUIRE(known);
  CHECK(loop::read_known_source(known->local).function == scale_function());
}
