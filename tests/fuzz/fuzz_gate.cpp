// Kernel texts of any origin, as the gate reads them before a compiler does: it ends, says why in one line, and lets nothing
// through that compilers would do more with than compile.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "base/embedded.hpp"
#include "fuzz.hpp"
#include "loop/c_tokens.hpp"
#include "port/gate/gate.hpp"

using namespace ak;

// The prelude, which the library has within it.
std::string_view ak::embedded_text(std::string_view name) {
  static const std::string text = [&] {
    std::ifstream file(std::string(AK_SOURCE_DIR "/kernels/").append(name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  return text;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::view(data, size);
  const port::GateNames names{{"k"}, "int n, float* __restrict__ a"};
  if (const auto refusal = port::refused(text, names)) {
    const std::string why = refusal->text();
    fuzz::require(!why.empty() && why.size() < 600, "a refusal has a line");
    fuzz::require(std::ranges::all_of(why, [](char c) { return c >= ' ' && c < 0x7f; }), "of printable characters");
    fuzz::require(refusal->line <= 1 + std::ranges::count(text, '\n'), "that the text has");
    return 0;
  }
  fuzz::require(text.size() <= port::kMostKernelText && text.find('\\') == text.npos,
                "what passes is short, and hides nothing");
  int kernels = 0;
  const auto tokens = loop::c_tokens(text);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view token = tokens[i];
    kernels += token == "__global__";
    if (token == "#")
      fuzz::require(i + 2 < tokens.size() && tokens[i + 1] == "pragma" && tokens[i + 2] == "unroll", "no directive");
    if (token[0] == '"') fuzz::require(token == "\"C\"", "no string");
    for (const char* const word : {"asm", "__asm__", "__attribute__", "reinterpret_cast", "new", "malloc", "printf", "volatile",
                                   "std", "union", "namespace", "system", "__builtin_trap", "typedef", "this"})
      fuzz::require(token != word, word);
  }
  fuzz::require(kernels == 1, "there is one kernel");
  return 0;
}
