// What the analyser says of a C text.
#pragma once

#include <string>

#include "port/analysis.hpp"

namespace test {

/// Of its function f, in a call of that class.
inline ak::loop::Verdict verdict_of_text(const std::string& text, const ak::loop::CallClass& call = {}) {
  ak::port::LoopSource source;
  source.text = text, source.function = "f";
  return ak::port::analyse(source, call, {AK_BINARY_DIR "/ak-analyse", {}, {}}, ak::Deadline::in(60));
}

}  // namespace test
