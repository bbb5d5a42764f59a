// A kernel text and how it is launched: what templates make, and what the emulator, the compiler, the proof and the timing
// take.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loop/term.hpp"

namespace ak::loop {

/// Device memory of a launch's own. Kernels find it as a pointer of this name.
struct Scratch {
  std::string name;
  ScalarType type = ScalarType::f32;
  Term elements;        // over integer parameters and kSms
  bool zeroed = false;  // before every call
  bool operator==(const Scratch&) const = default;
};

struct Launch {
  std::string kernel;      // extern "C" __global__
  Term blocks;             // over integer parameters and kSms; the grid has one dimension; less than 1: not launched
  int threads = 256;       // a block
  int shared_bytes = 0;    // dynamic
  bool waits = false;      // its blocks wait for each other: look-back or a grid barrier; a grid barrier's are <= kSms
  bool dependent = false;  // may start while the launch before it ends (griddepcontrol.wait is in its text)
  bool operator==(const Launch&) const = default;
};

/// In geometry: the multiprocessors of the device.
constexpr const char* kSms = "sms_";

/// Who wrote a kernel text.
enum class Origin : std::uint8_t { templates, llm };
inline std::span<const std::string_view> words(Origin) {
  static constexpr std::string_view kNames[] = {"templates", "llm"};
  return kNames;
}
constexpr std::string_view name(Origin origin) { return origin == Origin::llm ? "llm" : "templates"; }

/// HOW for a loop. All its kernels take the same arguments: c_parameters(function), then a pointer for each scratch in order.
struct Candidate {
  std::string template_name;         // "map", "scan", "serial", ...; several groups: joined by +
  std::map<std::string, int> knobs;  // "block", "unroll", ...
  std::string text;                  // CUDA C++ without an include, the prelude (kernels/loop.cuh) aside, which comes before it
  std::vector<Scratch> scratch;
  std::vector<Launch> launches;
  bool same_bits = true;  // does not re-associate: bits equal to the C function's without contraction
  Origin origin = Origin::templates;
  bool operator==(const Candidate&) const = default;
};

}  // namespace ak::loop
