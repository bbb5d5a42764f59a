// A case as kernels and C functions are called with it: the addresses of its arguments' values, and its memories on the GPU.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "gpu/owners.hpp"
#include "port/cases/case.hpp"

namespace ak::port {

/// Eight bytes for each argument; begins: where each memory's first byte lies, its guard's.
inline std::vector<std::uint64_t> argument_bits(const Case& given, std::span<const std::uint64_t> begins) {
  std::vector<std::uint64_t> bits;
  for (const Argument& argument : given.arguments) {
    if (argument.pointer)
      bits.push_back(begins[static_cast<std::size_t>(argument.memory)] +
                     static_cast<std::uint64_t>(Memory::kGuardBytes + argument.offset * size_of(argument.type)));
    else if (argument.type == loop::ScalarType::f32)
      bits.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(argument.real)));
    else if (argument.type == loop::ScalarType::f64)
      bits.push_back(std::bit_cast<std::uint64_t>(argument.real));
    else
      bits.push_back(static_cast<std::uint64_t>(argument.integer));
  }
  return bits;
}

inline std::vector<void*> addresses_of(std::vector<std::uint64_t>& bits) {
  std::vector<void*> addresses;
  for (std::uint64_t& each : bits) addresses.push_back(&each);
  return addresses;
}

class CaseOnDevice {
 public:
  /// The case outlives it. Throws Error{out_of_memory | driver}.
  explicit CaseOnDevice(const Case& given) : given_(given) {
    std::vector<std::uint64_t> begins;
    for (const Memory& memory : given.memories)
      begins.push_back(buffers_.emplace_back(Buffer::make(memory.bytes.size())).get());
    bits_ = argument_bits(given, begins), addresses_ = addresses_of(bits_);
  }
  CaseOnDevice(const CaseOnDevice&) = delete;
  CaseOnDevice& operator=(const CaseOnDevice&) = delete;

  void upload() const {
    for (std::size_t i = 0; i < buffers_.size(); ++i)
      ak::check(driver().cuMemcpyHtoD(buffers_[i].get(), given_.memories[i].bytes.data(), given_.memories[i].bytes.size()),
                "writing a case");
  }
  /// One of its memories, into one of that size.
  void download(std::size_t which, Memory& into) const {
    ak::check(driver().cuMemcpyDtoH(into.bytes.data(), buffers_[which].get(), into.bytes.size()), "reading a case");
  }
  std::span<void* const> arguments() const { return addresses_; }

 private:
  const Case& given_;
  std::vector<Buffer> buffers_;
  std::vector<std::uint64_t> bits_;
  std::vector<void*> addresses_;
};

}  // namespace ak::port
