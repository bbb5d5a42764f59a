// Kernels in the emulator, as tests run them: a text, arrays by name, one launch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "emulate/emulate.hpp"

namespace ak::loop {

/// An array or scalar that a kernel takes, in the order of its parameters.
using EmulatedValue = std::variant<int, float, double, long long, std::vector<float>, std::vector<double>, std::vector<int>,
                                   std::vector<long long>>;
struct NamedValue {
  std::string name;
  EmulatedValue value;
};

inline EmulatorOptions emulator_options() {
  EmulatorOptions options;
  options.worker = std::string(AK_BINARY_DIR) + "/ak-worker";
  return options;
}

/// Buffers and arguments of a request. `values` must outlive it: the kernels' results are there.
inline void give(EmulationRequest& request, std::vector<NamedValue>& values) {
  for (NamedValue& one : values)
    std::visit(
        [&](auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, int>) {
            request.arguments.push_back(EmulatedArgument::of(value));
          } else if constexpr (std::is_same_v<T, long long>) {
            request.arguments.push_back(EmulatedArgument::of(value, ScalarType::i64));
          } else if constexpr (std::is_same_v<T, float>) {
            request.arguments.push_back(EmulatedArgument::of_real(value, ScalarType::f32));
          } else if constexpr (std::is_same_v<T, double>) {
            request.arguments.push_back(EmulatedArgument::of_real(value, ScalarType::f64));
          } else {
            using E = typename T::value_type;
            const ScalarType type = std::is_same_v<E, float>    ? ScalarType::f32
                                    : std::is_same_v<E, double> ? ScalarType::f64
                                    : std::is_same_v<E, int>    ? ScalarType::i32
                                                                : ScalarType::i64;
            request.arguments.push_back(EmulatedArgument::pointer(static_cast<int>(request.buffers.size()), type));
            request.buffers.push_back({one.name, type, static_cast<std::int64_t>(value.size()), value.data()});
          }
        },
        one.value);
}

/// As words, for messages.
inline std::string text_of(const Emulation& emulation) {
  std::string text;
  for (const Fault& fault : emulation.faults) text += fault.text + "\n";
  return text.empty() ? "ok" : text;
}

}  // namespace ak::loop
