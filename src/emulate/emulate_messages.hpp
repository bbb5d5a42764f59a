// What the emulator's host and its process say to each other, one frame each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulate/emulate.hpp"

namespace ak::loop {

/// In the memory that both share; offsets from its begin.
struct Placed {
  std::string name;
  ScalarType type = ScalarType::f32;
  std::int64_t offset = 0, elements = 0;
};

struct EmulateMessage {
  enum class Kind : std::uint8_t { compile, load, run } kind = Kind::run;
  // compile: the texts in `folder` become object.so there; load: that is opened, for runs with shared memory of shared_bytes.
  std::string folder, compiler;
  std::vector<std::string> kernels;
  // run
  EmulationRequest request;  // without buffers
  std::vector<Placed> buffers;
  std::int64_t shared_bytes = 0;  // of the memory
};

struct EmulateReply {
  std::string refused;   // why not, for a person; of compile: the compiler's words
  bool missing = false;  // there is no compiler
  Emulation emulation;
};

std::string encode(const EmulateMessage& message);
std::string encode(const EmulateReply& reply);
/// nullopt for bytes that are no such message.
std::optional<EmulateMessage> decode_emulate_message(std::string_view bytes);
std::optional<EmulateReply> decode_emulate_reply(std::string_view bytes);

}  // namespace ak::loop
