// The corpus of planted/: the emulator and the comparison with what the C function leaves accept every right kernel and no
// wrong one, and name what is wrong with it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>

#include "emulating.hpp"
#include "planted_judge.hpp"

using namespace ak;
using namespace ak::loop;

namespace {

std::string prelude() {
  std::ifstream file(std::string(AK_SOURCE_DIR) + "/kernels/loop.cuh");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  text.erase(text.find("#pragma once"), 12);
  return text;
}

}  // namespace

TEST_CASE("planted: no wrong kernel is accepted and no right one refused") {
  const std::vector<PlantedKernel> all = planted_kernels_of(std::string(AK_SOURCE_DIR) + "/tests/loops/planted");
  const char* const all_tests = std::getenv("AK_TEST_ALL");
  const bool long_set = all_tests && std::string(all_tests) == "1";
  const std::vector<int> sizes =
      long_set ? std::vector<int>{1000, 1, 2, 31, 32, 33, 127, 128, 129, 257, 1023, 4099} : std::vector<int>{1000, 128, 33, 1};

  // Two objects, side by side.
  std::vector<PlantedKernel> halves[2];
  for (std::size_t k = 0; k < all.size(); ++k) halves[k % 2].push_back(all[k]);
  struct Counts {
    int right = 0, wrong = 0;
    std::vector<std::string> refused, accepted, otherwise;
  };
  const auto judge_all = [&](const std::vector<PlantedKernel>& kernels) {
    Counts counts;
    Emulator emulator(prelude() + planted_text(kernels), planted_names(kernels), emulator_options());
    for (const PlantedKernel& kernel : kernels) {
      const Judged judged = judge(emulator, kernel, sizes);
      ++(kernel.wrong.empty() ? counts.right : counts.wrong);
      if (kernel.wrong.empty()) {
        if (!judged.words.empty()) counts.refused.push_back(kernel.title() + ": " + judged.first);
      } else if (judged.words.empty()) {
        counts.accepted.push_back(kernel.title());
      } else if (!judged.has(kernel.wrong)) {
        counts.otherwise.push_back(
            fmt::format("{}: {}, not {}: {}", kernel.title(), fmt::join(judged.words, ", "), kernel.wrong, judged.first));
      }
    }
    return counts;
  };
  auto second = std::async(std::launch::async, judge_all, halves[1]);
  Counts counts = judge_all(halves[0]);
  const Counts other = second.get();
  counts.right += other.right, counts.wrong += other.wrong;
  for (auto [into, from] :
       {std::pair(&counts.refused, &other.refused), {&counts.accepted, &other.accepted}, {&counts.otherwise, &other.otherwise}})
    into->insert(into->end(), from->begin(), from->end());
  for (const std::string& text : counts.refused) FAIL_CHECK("a right kernel is refused: " << text);
  for (const std::string& text : counts.accepted) FAIL_CHECK("a wrong kernel is accepted: " << text);
  for (const std::string& text : counts.otherwise) FAIL_CHECK("a mistake goes by another name: " << text);
  MESSAGE(counts.right << " right kernels, " << counts.wrong << " wrong ones");
  CHECK(counts.right >= 80);
  CHECK(counts.wrong >= 60);
}
