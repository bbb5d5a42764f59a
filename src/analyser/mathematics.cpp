#include "analyser/mathematics.hpp"

#include <algorithm>
#include <iterator>

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;

namespace {

// Each with a double form of this name and a float form with an f behind it.
constexpr std::string_view kOfReals[] = {
    "acos", "acosh", "asin",  "asinh",  "atan", "atan2", "atanh", "cbrt",   "ceil",      "copysign", "cos",
    "cosh", "erf",   "erfc",  "exp",    "exp2", "expm1", "fabs",  "fdim",   "floor",     "fma",      "fmax",
    "fmin", "fmod",  "hypot", "lgamma", "log",  "log10", "log1p", "log2",   "nearbyint", "pow",      "remainder",
    "rint", "round", "sin",   "sinh",   "sqrt", "tan",   "tanh",  "tgamma", "trunc"};

bool is_real_function(std::string_view name) {
  return std::find(std::begin(kOfReals), std::end(kOfReals), name) != std::end(kOfReals);
}

std::string_view plain(std::string_view name) {
  constexpr std::string_view kBuiltin = "__builtin_";
  if (name.starts_with(kBuiltin)) name.remove_prefix(kBuiltin.size());
  return name;
}

}  // namespace

std::string mathematics(std::string_view name) {
  name = plain(name);
  if (name == "abs" || name == "llabs") return std::string(name);
  if (name == "labs") return "llabs";
  if (is_real_function(name) || (name.ends_with("f") && is_real_function(name.substr(0, name.size() - 1))))
    return std::string(name);
  return {};
}

std::optional<Term> special_value(std::string_view name) {
  name = plain(name);
  const bool infinite = name == "inf" || name == "inff" || name == "huge_val" || name == "huge_valf";
  if (!infinite && name != "nan" && name != "nanf") return std::nullopt;
  const ScalarType type = name.ends_with("f") && name != "inf" ? ScalarType::f32 : ScalarType::f64;
  const auto real = [&](const char* text) { return Term{Term::Kind::real, type, text, {}}; };
  return loop::binary("/", real(infinite ? "1.0" : "0.0"), real("0.0"));
}

bool classifies(std::string_view name) {
  name = plain(name);
  return name == "isnan" || name == "isfinite" || name == "isinf_sign";
}

Term classified(std::string_view name, const Term& value) {
  name = plain(name);
  if (name == "isnan") return loop::binary("!=", value, value);
  const bool narrow = value.type == ScalarType::f32;
  const Term infinity = *special_value(narrow ? "inff" : "inf");
  if (name == "isfinite")
    return loop::binary("<", Term{Term::Kind::call, value.type, narrow ? "fabsf" : "fabs", {value}}, infinity);
  return loop::binary("-", loop::binary("==", value, infinity), loop::binary("==", value, loop::unary("-", infinity)));
}

}  // namespace ak::analyser
