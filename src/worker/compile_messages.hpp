// What the host and its compiler's process say to each other, behind the Hello.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jit/compiler.hpp"

namespace ak {

/// The host's first frame.
struct CompilerSetUp {
  double cpu_seconds = 0;  // what all its threads may take, and then memory too is limited; 0: no limits
  std::string nvrtc;       // the library that is open in the host; empty: none is
};

/// Then any number of these. One without an architecture withdraws what was asked by its number.
struct CompileRequest {
  std::uint64_t number = 0;  // from 1
  int niceness = 0;
  Contraction contraction = Contraction::on;
  std::string arch, source;
};

struct CompileReply {
  static constexpr std::uint64_t kReady = 0;  // its number where NVRTC is open, or is not to be had; it comes once, unasked
  std::uint64_t number = kReady;
  std::string version;  // NVRTC's, as compiler_version()
  std::string missing;  // why there is no NVRTC
  Compiled compiled;
};

std::string encode(const CompilerSetUp& set_up);
std::string encode(const CompileRequest& request);
std::string encode(const CompileReply& reply);
/// nullopt for what is no such message.
std::optional<CompilerSetUp> decode_set_up(std::string_view frame);
std::optional<CompileRequest> decode_compile_request(std::string_view frame);
std::optional<CompileReply> decode_compile_reply(std::string_view frame);

}  // namespace ak
