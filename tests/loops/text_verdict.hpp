// What the analyser says of a C text.
#pragma once

#include <string>

#include "port/analysis.hpp"

namespace ak::test {

/// Of its function f, in a call of that class.
inline loop::Verdict verdict_of_text(const std::string& text, const loop::CallClass& call = {}) {
  port::LoopSource source;
  source.text = text, source.function = "f";
  return port::analyse(source, call, {AK_BINARY_DIR "/ak-analyse", {}, {}}, Deadline::in(60));
}

}  // namespace ak::test
