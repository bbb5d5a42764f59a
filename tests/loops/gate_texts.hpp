// Texts for the gate: what people, and models, may write for a loop, and what nobody may.
#pragma once

#include <string_view>
#include <vector>

namespace ak::test {

/// All for `void scaled(int n, float* y, const float* x, float a)`, as scaled_1_ with a scratch of ints, flags_.
inline constexpr std::string_view kGateParameters =
    "int n, float* __restrict__ y, const float* __restrict__ x, float a, int* flags_";

struct GateText {
  const char* name;
  const char* text;  // BODY: extern "C" __global__ ... { BODY } is meant
  const char* why;   // part of the refusal; of a good text nothing
};

const std::vector<GateText>& good_gate_texts();
const std::vector<GateText>& hostile_gate_texts();

/// With the kernel around a text that has none.
std::string gate_text(const GateText& of);

}  // namespace ak::test
