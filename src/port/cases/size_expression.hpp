// How long or how many, as a text says it: a whole number, computed of a call's integers.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "loop/term.hpp"

namespace ak::port {

/// Of the tokens (loop::c_tokens): numbers in decimals and names under + - * / %, parentheses, comparisons with ?:, min(a, b)
/// and max(a, b). `name`: what one stands for. Nothing for what is more than this, or longer than a person writes.
std::optional<loop::Term> size_expression(std::span<const std::string_view> tokens,
                                          const std::function<std::optional<loop::Term>(std::string_view)>& name);
/// An integer term as such a text: conversions are gone, as all is computed in 64 bits, and loop::kSms is `sms`.
std::string size_text(const loop::Term& term);
constexpr const char* kSmsName = "sms";

}  // namespace ak::port
