// What calls of loops need on the fake driver: two functions, their kernels and records in a store, so that neither analyser
// nor compiler is asked.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "context/describe.hpp"
#include "context/loop_state.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "port/analysis.hpp"
#include "port/c/includes.hpp"
#include "tests/loops/made.hpp"
#include "tests/unit/stores.hpp"

#define CHECK_HAS(text, what) CHECK_MESSAGE((text).find(what) != std::string::npos, (text))

namespace loop_scene {

using namespace ak;
using namespace ak::test_stores;
using namespace made;
using loop::Candidate;
using loop::SizeRow;
using loop::Winner;

// void scale(int n, float k, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }
inline const std::string kText =
    "void scale(int n, float k, float a[n], const float b[n]) {\n"
    "  for (int i = 0; i < n; ++i) a[i] = k * b[i];  // fake kernel: scales\n}\n";

inline Function scale_function() {
  return {"scale",
          ScalarType::none,
          {size("n"), value("k"), array("a", i32("n")), array("b", i32("n"), true)},
          {},
          {made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), binary("*", f32("k"), at("b", i32("i"))))})}};
}

/// A program in the folder that analyses as ak-analyse does: it finds that the loop of scale() is parallel.
inline std::filesystem::path analyser_of_scale(const std::filesystem::path& folder) {
  ak::loop::Verdict verdict;
  verdict.function = scale_function();
  ak::loop::Group group;
  group.statements = {2}, group.loops = {{1, "i", ak::loop::Role::parallel}};
  verdict.groups = {group};
  const auto program = folder / "analyse";
  std::ofstream(folder / "verdict.json") << write_json(verdict);
  std::ofstream(program) << "#!/bin/sh\ncat " << (folder / "verdict.json").string() << "\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  return program;
}

// float total(int n, long first, const float x[n]): what it returns, a parameter that steers.
inline Function total_function() {
  Function function{"total",
                    ScalarType::f32,
                    {size("n"), value("first", ScalarType::i64), array("x", i32("n"), true)},
                    {{"sum", ScalarType::f32, {}}},
                    {}};
  const Term first = ak::loop::scalar("first", ScalarType::i64);
  function.body = {made::loop(1, "i", integer(0), i32("n"),
                              {assign(2, f32("sum"), binary("+", f32("sum"), at("x", binary("+", i32("i"), first))))})};
  return function;
}
inline const std::string kTotalText = "float total(int n, long first, const float x[n]) { float s = 0; ... }";

inline std::atomic<int> scaled_on_host = 0;
inline void scale_on_host(int n, float k, float* a, const float* b) {
  ++scaled_on_host;
  for (int i = 0; i < n; ++i) a[i] = k * b[i];
}
inline float total_on_host(int n, long, const float* x) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i];
  return sum;
}

inline Candidate kernel(const std::string& name, std::map<std::string, int> knobs = {{"block", 256}}) {
  Candidate candidate{"map", std::move(knobs), "the text of " + name, {}, {}, true};
  candidate.launches.push_back({name, binary("/", binary("+", i32("n"), integer(255)), integer(256)), 256, 0, false, false});
  return candidate;
}

template <class T>
T taken(void** parameters, int which) {
  T value;
  std::memcpy(&value, parameters[which], sizeof value);
  return value;
}

struct Scene {
  explicit Scene(const char* name) : folder(name) {
    fake::reset();
    own = std::make_unique<OwnContext>();
    fake::kernel("scales", [](const fake::Launch& launch) {
      const int n = taken<int>(launch.parameters, 0);
      const float k = taken<float>(launch.parameters, 1);
      for (int i = 0; i < n; ++i) taken<float*>(launch.parameters, 2)[i] = k * taken<const float*>(launch.parameters, 3)[i];
    });
    hardware = describe(make_gpu_machine({})->hardware());
    settings.cache_dir = folder;
    settings.shipped = false;
    settings.loop_budget_s = 2;
    settings.analyser = "/nowhere/ak-analyse", settings.compiler = "/nowhere/cc", settings.worker = "/nowhere/ak-worker";
    scaled_on_host = 0;
  }
  ~Scene() {
    own->end();
    CHECK(fake::misuses().empty());
  }

  static port::LoopSource source(const std::string& text = kText, const std::string& function = "scale") {
    port::LoopSource source;
    source.file = "filters.c", source.text = text, source.function = function;
    return source;
  }
  std::shared_ptr<Store> store() const { return open_store(folder); }
  void know(const Function& function, const port::LoopSource& of, const std::string& refused = {},
            const std::string& build = {}) const {
    store()->put_work({std::string(loop::kLoopSource),
                       loop::source_key(of.function, of.text, port::key_flags(of)),
                       {},
                       write_json(loop::KnownSource{port::included_files(of, of.text), function,
                                                    loop::steering_parameters(function), refused, build})});
  }
  std::string key(const Function& function, const loop::CallClass& call = {}) const {
    return loop::winner_key(function, call, hardware);
  }
  // whats: what the kernels do, as fake::kernel() has it.
  void win(const Function& function, const Winner& winner, const std::vector<std::string>& whats,
           const loop::CallClass& call = {}) const {
    std::vector<std::string> images;
    for (const std::string& what : whats) images.push_back("fake kernel: " + what);
    store()->put_work({std::string(loop::kLoop), key(function, call), write_json(winner), loop::pack_images(images)});
  }
  void win_scale(const std::string& what = "scales") const {
    know(scale_function(), source());
    win(scale_function(), one_kernel(), {what});
  }
  static Winner one_kernel(const std::string& name = "scale_1") {
    Winner winner;
    winner.verdict = "parallel";
    winner.kernels = {kernel(name)};
    winner.sizes = {{1000, 0, 5, 0, 0, 0}};
    return winner;
  }

  const Folder folder;
  std::unique_ptr<OwnContext> own;
  std::string hardware;
  Settings settings;
};

struct Array {
  explicit Array(int n, float first = 0) : buffer(Buffer::make(4 * static_cast<std::size_t>(n))) {
    for (int i = 0; i < n; ++i) data()[i] = first + static_cast<float>(i);
  }
  float* data() const { return buffer.data<float>(); }
  Buffer buffer;
};

// Host memory that is mapped apart, as malloc does with 128 KiB and more: anybody's may have been there before, or be later.
struct Mapped {
  explicit Mapped(int n, float value = 0) : bytes(4 * static_cast<std::size_t>(n)) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    std::fill_n(data(), n, value);
  }
  ~Mapped() { munmap(memory, bytes); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  float* data() const { return static_cast<float*>(memory); }
  float operator[](int i) const { return data()[i]; }
  const std::size_t bytes;
  void* memory;
};

// "1 cuCtxGetId, 2 cuLaunchKernelEx": what the driver was called for since fake::forget(), by name.
inline std::string driver_calls() {
  std::map<std::string, int> counts;
  for (const fake::Call& call : fake::calls()) ++counts[call.name];
  std::string text;
  for (const auto& [name, count] : counts) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + name;
  return text;
}

template <class F>
inline std::string error_of(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace loop_scene
