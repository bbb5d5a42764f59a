// What a call is refused with.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "ak/types.hpp"

namespace ak::test {

/// The error of `Views`' call after one change; "" when it passes.
template <class Views>
std::string refusal_of(const std::function<void(Views&)>& change, ErrorCode code) {
  Views views;
  change(views);
  try {
    views.call();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  return "";
}

inline bool begins(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

}  // namespace ak::test
