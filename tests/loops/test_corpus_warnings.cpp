// What NVRTC's front end says of the kernels of every own loop: nothing, also where nvcc compiles them for a user who asked for
// all warnings.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nvrtc.h>

#include <set>

#include "base/library.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "own_loops.hpp"
#include "port/candidates.hpp"

using namespace ak;

namespace {

/// The log of a program that is read and no more.
std::string warnings(const std::string& text) {
  static const SharedLibrary library("NVRTC", {"libnvrtc.so.13", "libnvrtc.so"});
  decltype(nvrtcCreateProgram)* create;
  decltype(nvrtcCompileProgram)* compile;
  decltype(nvrtcGetProgramLogSize)* log_size;
  decltype(nvrtcGetProgramLog)* log;
  decltype(nvrtcDestroyProgram)* destroy;
  library.bind(create, "nvrtcCreateProgram"), library.bind(compile, "nvrtcCompileProgram");
  library.bind(log_size, "nvrtcGetProgramLogSize"), library.bind(log, "nvrtcGetProgramLog");
  library.bind(destroy, "nvrtcDestroyProgram");
  nvrtcProgram program = nullptr;
  REQUIRE(create(&program, text.c_str(), "kernels.cu", 0, nullptr, nullptr) == NVRTC_SUCCESS);
  std::vector<std::string> words = compile_options("sm_90", Contraction::off);
  words.push_back("--fdevice-syntax-only");
  std::vector<const char*> options;
  for (const std::string& word : words) options.push_back(word.c_str());
  CHECK(compile(program, static_cast<int>(options.size()), options.data()) == NVRTC_SUCCESS);
  std::size_t size = 0;
  log_size(program, &size);
  std::string said(size, '\0');
  log(program, said.data());
  said.resize(size > 0 ? size - 1 : 0);
  if (const auto report = said.find("ptxas info"); report != said.npos) said.resize(report);
  destroy(&program);
  return said;
}

/// Every kernel in a namespace of its own: candidates of a function have kernels of one name.
std::string apart(std::string text, int number) {
  constexpr std::string_view kExtern = "extern \"C\" ";
  for (auto at = text.find(kExtern); at != text.npos; at = text.find(kExtern, at)) text.erase(at, kExtern.size());
  return fmt::format("namespace kernels_{} {{\n{}\n}}\n", number, text);
}

}  // namespace

TEST_CASE("kernels: no compiler warns of what templates make of the own loops") {
  constexpr std::size_t kAtOnce = 300000;  // characters
  std::string text;
  int number = 0;
  const auto read = [&] {
    if (!text.empty()) CHECK(warnings(kernel_file("loop.cuh") + "\n" + text) == "");
    text.clear();
  };
  for (const test::OwnLoop& own : test::own_loops()) {
    std::set<std::string> shapes;  // blocks of other sizes have the same text
    for (const loop::Candidate& candidate : port::port_candidates(test::verdict_of(own), false)) {
      std::string shape = fmt::format("{} {}", candidate.template_name, candidate.launches.size());
      for (const auto& [knob, value] : candidate.knobs)
        if (!knob.starts_with("block")) shape += fmt::format(" {}={}", knob, value > 1 ? 2 : value);
      if (!shapes.insert(shape).second) continue;
      text += apart(candidate.text, ++number);
      if (text.size() > kAtOnce) read();
    }
  }
  read();
  CHECK(number > 300);
}
