#include "planted_judge.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>

namespace ak::loop {
namespace {

using Reference = std::function<void(PlantedArrays&)>;

// Each file's C function.
const std::map<std::string, Reference>& references() {
  static const std::map<std::string, Reference> all = {
      {"map",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = 2 * x.f["b"][i] + x.f["c"][i];
       }},
      {"map_of_four",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = x.f["b"][i] < 0 ? -x.f["b"][i] : x.f["b"][i] + 1;
       }},
      {"grid_stride",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = x.f["b"][x.n - 1 - i];
       }},
      {"shift",
       [](PlantedArrays& x) {
         for (int i = 0; i + 1 < x.n; ++i) x.f["a"][i] = x.f["a"][i + 1] + x.f["b"][i];
       }},
      {"sum",
       [](PlantedArrays& x) {
         for (const float b : x.f["b"]) x.f["total"][0] += b;
       }},
      {"largest",
       [](PlantedArrays& x) {
         for (const int b : x.i["b"]) x.i["largest"][0] = std::max(x.i["largest"][0], b);
       }},
      {"position_of_largest",
       [](PlantedArrays& x) {
         x.i["position"][0] = static_cast<int>(std::max_element(x.f["b"].begin(), x.f["b"].end()) - x.f["b"].begin());
       }},
      {"scan",
       [](PlantedArrays& x) {
         float t = 0;
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = t += x.f["b"][i];
       }},
      {"scan_of_tiles",
       [](PlantedArrays& x) {
         int t = -2147483647;
         for (int i = 0; i < x.n; ++i) x.i["a"][i] = t = std::max(t, x.i["b"][i]);
       }},
      {"scan_of_packs",
       [](PlantedArrays& x) {
         for (int i = 1; i < x.n; ++i) x.i["a"][i] = x.i["a"][i - 1] + x.i["b"][i];
       }},
      {"recurrence",
       [](PlantedArrays& x) {
         float t = 0;
         for (int i = 0; i < x.n; ++i) x.f["x"][i] = t = x.f["m"][i] * t + x.f["c"][i];
       }},
      {"compact",
       [](PlantedArrays& x) {
         int& k = x.i["count"][0];
         for (const float b : x.f["b"])
           if (b > 0) x.f["a"][k++] = b;
       }},
      {"first_negative",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n && x.f["b"][i] >= 0; ++i) x.f["a"][i] = x.f["b"][i];
       }},
      {"scatter",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.f["a"][x.i["at"][i]] = x.f["b"][i];
       }},
      {"permuted",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.f["a"][x.i["at"][i]] = x.f["b"][i];
       }},
      {"histogram",
       [](PlantedArrays& x) {
         for (const int at : x.i["at"]) ++x.i["count"][at % 16];
       }},
      {"gathered_packs",
       [](PlantedArrays& x) {
         for (const int at : x.i["at"]) ++x.i["count"][at % 16];
       }},
      {"scan_of_groups",
       [](PlantedArrays& x) {
         int t = 0;
         for (int i = 0; i < x.n; ++i) x.i["a"][i] = t += x.i["b"][i];
       }},
      {"rows_joined",
       [](PlantedArrays& x) {
         for (int i = 0; i < 8 * x.n; ++i) x.i["sum"][i % 8] += x.i["b"][i];
       }},
      {"fused",
       [](PlantedArrays& x) {
         auto& b = x.f["b"];
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = b[i] + 1, x.f["c"][i] = (b[i] + 1) * 2, x.f["d"][i] = b[i + 1] - b[i];
       }},
      {"owners",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.i["a"][x.i["at"][i]] += x.i["b"][i];
       }},
      {"stencil",
       [](PlantedArrays& x) {
         const auto b = [&](int i) { return i >= 0 && i < x.n ? x.f["b"][i] : 0; };
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = b(i - 1) + b(i) + b(i + 1);
       }},
      {"stencil_of_four",
       [](PlantedArrays& x) {
         for (int i = 1; i + 1 < x.n; ++i) x.f["a"][i] = x.f["b"][i - 1] + x.f["b"][i] + x.f["b"][i + 1];
       }},
      {"time_steps",
       [](PlantedArrays& x) {
         for (int step = 0; step < 4; ++step) {
           auto &to = step % 2 ? x.f["b"] : x.f["a"], &from = step % 2 ? x.f["a"] : x.f["b"];
           for (int i = 0; i < x.n; ++i) to[i] = from[i] + from[i + 1 < x.n ? i + 1 : 0];
         }
       }},
      {"transpose",
       [](PlantedArrays& x) {
         for (int i = 0; i < 1024; ++i) x.f["a"][i % 32 * 32 + i / 32] = x.f["b"][i];
       }},
      {"wavefront",
       [](PlantedArrays& x) {
         auto &c = x.f["c"], &b = x.f["b"];
         for (int i = 0; i < 1024; ++i) c[i] = std::max(i >= 32 ? c[i - 32] : 0, i % 32 > 0 ? c[i - 1] : 0) + b[i];
       }},
      {"chains",
       [](PlantedArrays& x) {
         for (int i = 4; i < x.n; ++i) x.f["x"][i] = x.f["x"][i - 4] - x.f["b"][i];
       }},
      {"convolution",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i)
           for (int j = 0; j < 9; ++j) x.f["a"][i] += x.f["w"][j] * x.f["b"][i + j];
       }},
      {"row_sums",
       [](PlantedArrays& x) {
         for (int i = 0; i < 40 * x.n; ++i) x.f["a"][i / 40] += x.f["b"][i];
       }},
      {"before",
       [](PlantedArrays& x) {
         float t = 5;
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = t + x.f["b"][i], t = x.f["b"][i];
       }},
      {"last_positive",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i)
           if (x.f["b"][i] > 0) x.i["last"][0] = i;
       }},
      {"reverse", [](PlantedArrays& x) { std::reverse(x.f["a"].begin(), x.f["a"].end()); }},
      {"overwritten",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.f["a"][i] = x.f["b"][i], x.f["a"][i + 1] = x.f["c"][i];
       }},
      {"two_groups",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) {
           x.f["a"][i] = x.f["b"][i] + 1;
           if (i > 0) x.f["c"][i] = x.f["a"][i - 1];
         }
       }},
      {"warp_scan",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i) x.i["a"][i] = x.i["b"][i] + (i % 32 ? x.i["a"][i - 1] : 0);
       }},
      {"ends",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n; ++i)
           for (int b = x.i["b"][i]; b > 1; b /= 2) ++x.i["a"][i];
       }},
      {"locked",
       [](PlantedArrays& x) {
         for (const float b : x.f["b"]) x.f["total"][0] += b, x.f["total"][1] += 1;
       }},
      {"last_block",
       [](PlantedArrays& x) {
         for (const float b : x.f["b"]) x.f["total"][0] += b;
       }},
      {"blind",
       [](PlantedArrays& x) {
         for (int i = 1; i < x.n; ++i) x.f["x"][i] = x.f["x"][i - 1] + x.f["b"][i];
       }},
      {"rounds",
       [](PlantedArrays& x) {
         for (int j = 0; j < 8 && j < x.n; ++j)
           for (int i = j + 1; i < x.n; ++i) x.f["a"][i] += x.f["a"][j];
       }},
      {"held_rounds",
       [](PlantedArrays& x) {
         for (int round = 0; round < 20; ++round)
           for (int i = x.n - 1; i > 0; --i) x.i["a"][i] = static_cast<int>(0u + x.i["a"][i] + x.i["a"][i - 1]);
       }},
      {"substitution",
       [](PlantedArrays& x) {
         for (int i = 0; i < x.n && i < 48; ++i) {
           int sum = 0;
           for (int j = 0; j < i; ++j) sum += x.i["x"][j];
           x.i["x"][i] = (x.i["b"][i] + sum) % 101;
         }
       }},
      {"delta",
       [](PlantedArrays& x) {
         int previous = 5;
         for (int& a : x.i["a"]) {
           const int here = a;
           a = here - previous;
           previous = here;
         }
       }},
      {"lines",
       [](PlantedArrays& x) {
         auto &c = x.f["c"], &b = x.f["b"];
         for (int i = 0; i < 1024; ++i) c[i] = std::max(i >= 32 && i % 32 > 0 ? c[i - 33] : 0, 0.0f) + b[i];
       }},
      {"dynamic", nullptr},  // below: it depends on the size of a block
  };
  return all;
}

// The array and element that differ; empty: all is as it must be.
std::string difference(const PlantedKernel& kernel, const PlantedArrays& left, const PlantedArrays& right) {
  for (const PlantedArgument& argument : kernel.arguments) {
    if (argument.elements.empty() || argument.scratch) continue;
    const auto compare = [&](const auto& a, const auto& b) {
      for (std::size_t k = 0; k < b.size(); ++k)
        if (!(a[k] == b[k])) return fmt::format("{}[{}] is {}, not {}", argument.name, k, a[k], b[k]);
      return std::string();
    };
    const std::string found = argument.real ? compare(left.f.at(argument.name), right.f.at(argument.name))
                                            : compare(left.i.at(argument.name), right.i.at(argument.name));
    if (!found.empty()) return found;
  }
  return {};
}

// The word of a head for what was found.
std::string word(FaultKind kind) {
  switch (kind) {
    case FaultKind::out_of_bounds:
      return "bounds";
    case FaultKind::uninitialised:
      return "unset";
    case FaultKind::steps:
      return "steps";
    default:
      return name(kind);
  }
}

}  // namespace

void expect(const PlantedKernel& kernel, PlantedArrays& x) {
  if (kernel.file == "dynamic") {
    const int size = kernel.threads;
    for (int i = 0; i < x.n; ++i) {
      const int from = i / size * size + size - 1 - i % size;
      x.f["a"][i] = from < x.n ? x.f["b"][from] : 0;
    }
    return;
  }
  references().at(kernel.file)(x);
}

Judged judge(Emulator& emulator, const PlantedKernel& kernel, const std::vector<int>& sizes) {
  Judged judged;
  const auto found = [&](const std::string& what, const std::string& text) {
    if (judged.words.empty()) judged.first = text;
    if (!judged.has(what)) judged.words.push_back(what);
  };
  for (const int n : sizes)
    for (const int seed : {-1, 0, 1, 2, 3, 4}) {
      // Some mistakes show only where blocks come between each other's accesses just so.
      if (seed > 1 && kernel.wrong.empty()) break;
      PlantedArrays arrays = kernel.arrays(n), expected = arrays;
      EmulationRequest request = kernel.request(arrays);
      request.order = seed < 0 ? ThreadOrder::forward : seed == 0 ? ThreadOrder::reverse : ThreadOrder::shuffled;
      request.seed = static_cast<std::uint64_t>(std::max(seed, 1));
      const Emulation emulation = emulator.run(request);
      for (const Fault& fault : emulation.faults) found(word(fault.kind), fault.text);
      expect(kernel, expected);
      if (const std::string text = difference(kernel, arrays, expected); emulation.ok() && !text.empty())
        found("value", fmt::format("n={}: {}", n, text));
      if (!kernel.wrong.empty() && judged.has(kernel.wrong)) return judged;
    }
  return judged;
}

}  // namespace ak::loop
