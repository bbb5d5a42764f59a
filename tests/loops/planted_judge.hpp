// What the emulator, and the comparison with what the C function leaves, say of a planted kernel.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "planted_loops.hpp"

namespace ak::loop {

/// Leaves in the arrays what the C function of the kernel's file does.
void expect(const PlantedKernel& kernel, PlantedArrays& arrays);

struct Judged {
  std::vector<std::string> words;  // of all that was found, as heads have them, each once; none: it is right
  std::string first;
  bool has(const std::string& one) const { return std::find(words.begin(), words.end(), one) != words.end(); }
};
/// All sizes and orders, or up to the fault that is looked for. The emulator's object has the kernel.
Judged judge(Emulator& emulator, const PlantedKernel& kernel, const std::vector<int>& sizes);

}  // namespace ak::loop
