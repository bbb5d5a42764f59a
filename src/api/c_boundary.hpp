// What the files of the C boundary share: structs that carry their size, exceptions turned into a status and a message of the
// thread.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>

#include "ak/ak.h"
#include "ak/ak.hpp"
#include "ak/cublas.h"
#include "ak/loop.h"

namespace ak::c {

inline thread_local char last_error[1024] = "";

inline void copy_text(char* to, std::size_t capacity, std::string_view text) {
  const std::size_t length = std::min(capacity - 1, text.size());
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}
template <std::size_t capacity>
void copy_text(char (&to)[capacity], std::string_view text) {
  copy_text(to, capacity, text);
}

inline ak_status fail(ak_status status, const char* message) {
  copy_text(last_error, message);
  return status;
}

template <class F>
ak_status guard(F&& body) noexcept {
  try {
    body();
    return ak_status_ok;
  } catch (const ak::Error& error) {
    return fail(static_cast<ak_status>(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ak_status_out_of_memory, "no host memory");
  } catch (const std::exception& error) {
    return fail(ak_status_internal, error.what());
  } catch (...) {
    return fail(ak_status_internal, "an exception of unknown type");
  }
}

template <class T>
const T& required(const T* pointer, const char* name) {
  if (!pointer) throw ak::Error(ak::ErrorCode::invalid_argument, std::string(name) + ": is null");
  return *pointer;
}

// Structs that carry their size: what the caller was compiled with, be it older or newer than this library.
template <class T>
struct Sized;  // its name, and what a caller starts from
#define AK_SIZED(type, INIT, last)                                                                                       \
  template <>                                                                                                            \
  struct Sized<type> {                                                                                                   \
    static constexpr const char* start = #INIT;                                                                          \
    [[maybe_unused]] static constexpr type init = INIT;                                                                  \
    /* Else a later member would lie where an older caller has padding. */                                               \
    static_assert(offsetof(type, last) + sizeof(type::last) == sizeof(type) && offsetof(type, size) == 0, "no padding"); \
  }
AK_SIZED(ak_const_matrix, AK_CONST_MATRIX_INIT, batch_stride);
AK_SIZED(ak_matrix, AK_MATRIX_INIT, batch_stride);
AK_SIZED(ak_epilogue, AK_EPILOGUE_INIT, numerics);
AK_SIZED(ak_cublas_epilogue, AK_CUBLAS_EPILOGUE_INIT, column_scale);
AK_SIZED(ak_options, AK_OPTIONS_INIT, background_share);
AK_SIZED(ak_explanation, AK_EXPLANATION_INIT, bucket_to);
AK_SIZED(ak_counters, AK_COUNTERS_INIT, guard_demotions);
AK_SIZED(ak_call, AK_CALL_INIT, tokens_to);
AK_SIZED(ak_loop_options, AK_LOOP_OPTIONS_INIT, unordered);
#undef AK_SIZED

inline constexpr std::size_t kLargestStruct = 1 << 16;  // beyond it a size is no size but what lay in memory

template <class T>
std::size_t size_of(const T* given, const char* name) {
  const std::size_t size = required(given, name).size;
  if (size < sizeof size || size > kLargestStruct)
    throw ak::Error(ak::ErrorCode::invalid_argument,
                    fmt::format("{}: its size {} is not that of the struct; start from {}", name, size, Sized<T>::start));
  return size;
}

// What the caller has of it, the rest as it starts: where it lies, or else in `filled`.
template <class T>
const T& read(const T* given, const char* name, T& filled) {
  const std::size_t size = size_of(given, name);
  if (size == sizeof(T)) [[likely]]
    return *given;
  filled = Sized<T>::init;
  std::memcpy(&filled, given, std::min(size, sizeof filled));
  return filled;
}

// As much of it as the caller has room for; its size stays the caller's.
template <class T>
void write(const T& all, T* to, std::size_t size) {
  constexpr std::size_t skip = sizeof(std::size_t);
  std::memcpy(reinterpret_cast<char*>(to) + skip, reinterpret_cast<const char*>(&all) + skip,
              std::min(size, sizeof all) - skip);
}

inline ak::Context& context_of(ak_context* context) {
  return context ? *reinterpret_cast<ak::Context*>(context) : ak::default_context();
}

ak_explanation explanation_of(const ak::Explanation& from);

}  // namespace ak::c
