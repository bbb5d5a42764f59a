// Matrices on the device for the GPU tests: seeded values, any leading dimension and offset, guard bytes all around.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <vector>

#include "ak/types.hpp"
#include "gpu/owners.hpp"

namespace ak::test {

inline double read_element(const unsigned char* at, DType dtype) {
  if (dtype == DType::f32) {
    float v;
    std::memcpy(&v, at, 4);
    return v;
  }
  unsigned short bits;
  std::memcpy(&bits, at, 2);
  return dtype == DType::f16 ? __half2float(__half(__half_raw{bits}))
                             : __bfloat162float(__nv_bfloat16(__nv_bfloat16_raw{bits}));
}

inline void write_element(unsigned char* at, DType dtype, double value) {
  if (dtype == DType::f32) {
    const float v = static_cast<float>(value);
    std::memcpy(at, &v, 4);
    return;
  }
  const unsigned short bits = dtype == DType::f16 ? __half_raw(__float2half_rn(static_cast<float>(value))).x
                                                  : __nv_bfloat16_raw(__float2bfloat16_rn(static_cast<float>(value))).x;
  std::memcpy(at, &bits, 2);
}

/// outer x inner elements, inner contiguous, rows `ld` apart, the first `offset` bytes into a 256-byte aligned allocation.
class DeviceMatrix {
 public:
  DeviceMatrix(std::int64_t outer, std::int64_t inner, DType dtype, std::int64_t ld = 0, std::int64_t offset = 0)
      : outer_(outer), inner_(inner), ld_(ld ? ld : inner), dtype_(dtype), offset_(kGuard + offset) {
    bytes_.assign(static_cast<std::size_t>(offset_ + outer_ * ld_ * size_of(dtype) + kGuard), kFill);
    buffer_ = Buffer::make(bytes_.size());
    upload();
  }

  DeviceMatrix& random(unsigned seed, double scale = 1.0) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal(0, static_cast<float>(scale));
    for (std::int64_t r = 0; r < outer_; ++r)
      for (std::int64_t c = 0; c < inner_; ++c) write_element(&bytes_[index(r, c)], dtype_, normal(engine));
    upload();
    return *this;
  }
  DeviceMatrix& fill(double value) {
    for (std::int64_t r = 0; r < outer_; ++r)
      for (std::int64_t c = 0; c < inner_; ++c) write_element(&bytes_[index(r, c)], dtype_, value);
    upload();
    return *this;
  }

  void upload() { check(driver().cuMemcpyHtoD(buffer_.get(), bytes_.data(), bytes_.size()), "uploading"); }
  void download() { check(driver().cuMemcpyDtoH(bytes_.data(), buffer_.get(), bytes_.size()), "downloading"); }

  double at(std::int64_t r, std::int64_t c) const { return read_element(&bytes_[index(r, c)], dtype_); }
  void* data() const { return buffer_.data<char>() + offset_; }
  std::int64_t ld() const { return ld_; }
  DType dtype() const { return dtype_; }

  /// Of the downloaded copy: bytes outside the elements that no longer hold the fill.
  std::int64_t damaged() const {
    std::vector<bool> inside(bytes_.size());
    for (std::int64_t r = 0; r < outer_; ++r)
      for (std::int64_t b = 0; b < inner_ * size_of(dtype_); ++b) inside[index(r, 0) + static_cast<std::size_t>(b)] = true;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < bytes_.size(); ++i) count += !inside[i] && bytes_[i] != kFill;
    return count;
  }

 private:
  static constexpr std::int64_t kGuard = 256;
  static constexpr unsigned char kFill = 0xa5;
  std::size_t index(std::int64_t r, std::int64_t c) const {
    return static_cast<std::size_t>(offset_ + (r * ld_ + c) * size_of(dtype_));
  }

  std::int64_t outer_, inner_, ld_;
  DType dtype_;
  std::int64_t offset_;
  std::vector<unsigned char> bytes_;
  Buffer buffer_;
};

/// Relative error of rounding to nearest.
inline double epsilon(DType dtype) { return dtype == DType::f32 ? 0x1p-24 : dtype == DType::f16 ? 0x1p-11 : 0x1p-8; }
/// Half the smallest positive value: where relative rounding ends.
inline double tiny(DType dtype) { return dtype == DType::f16 ? 0x1p-25 : 1e-37; }

}  // namespace ak::test
