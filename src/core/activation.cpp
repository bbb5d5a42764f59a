#include "core/activation.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <mutex>

#include "core/expression.hpp"
#include "core/vocabulary.hpp"

namespace ak {
namespace math {
namespace {

double activate(Activation activation, double x, [[maybe_unused]] double slope) {
  switch (activation) {
#define AK_ACTIVATION(name, expression) \
  case Activation::name:                \
    return expression;
#include "ak/activations.def"
#undef AK_ACTIVATION
  }
  return x;
}

}  // namespace
}  // namespace math

namespace {

struct Row {
  std::string_view name, expression;
};
constexpr Row kRows[] = {
#define AK_ACTIVATION(name, expression) {#name, #expression},
#include "ak/activations.def"
#undef AK_ACTIVATION
};
static_assert(std::size(kRows) == kActivationCount);

// Callers' own activations, in order of registration; entries are made once and never go away, so that readers take no lock.
std::array<std::atomic<const Expression*>, kMostOwnActivations> own_rows{};
std::mutex own_mutex;

// Of them, those that texts of records, packs and prompts may take: callers always find room.
constexpr int kMostFromTexts = kMostOwnActivations / 2;

int own_index(Activation activation) { return static_cast<int>(activation) - kActivationCount; }
const Expression* own(Activation activation) {
  const int index = own_index(activation);
  return index < 0 || index >= kMostOwnActivations ? nullptr : own_rows[index].load(std::memory_order_acquire);
}

Activation own_within(std::string_view text, int most) {
  Expression expression = Expression::parse(text);
  const std::lock_guard lock(own_mutex);
  int index = 0;
  for (; index < kMostOwnActivations; ++index) {
    const Expression* row = own_rows[index].load(std::memory_order_relaxed);
    if (!row) break;
    if (row->text() == expression.text()) return static_cast<Activation>(kActivationCount + index);
  }
  if (index >= most)
    throw Error(ErrorCode::unsupported, fmt::format("activation '{}': a process has at most {} own activations", text, most));
  own_rows[index].store(new Expression(std::move(expression)), std::memory_order_release);
  return static_cast<Activation>(kActivationCount + index);
}

}  // namespace

Activation own_activation(std::string_view text) { return own_within(text, kMostOwnActivations); }

bool known(Activation activation) { return is_own(activation) ? own(activation) != nullptr : true; }

std::string_view name(Activation activation) {
  if (const Expression* row = own(activation)) return row->text();
  return kRows[static_cast<int>(activation)].name;
}

std::string identifier(Activation activation) {
  return is_own(activation) ? fmt::format("own_{}", own_index(activation)) : std::string(name(activation));
}

std::string expression(Activation activation) {
  if (const Expression* row = own(activation)) return row->code();
  return std::string(kRows[static_cast<int>(activation)].expression);
}

std::optional<Activation> parse_activation(std::string_view text) {
  for (int i = 0; i < kActivationCount; ++i)
    if (kRows[i].name == text) return static_cast<Activation>(i);
  try {
    return own_within(text, kMostFromTexts);
  } catch (const Error&) {
    return std::nullopt;
  }
}

double activate(Activation activation, double x, double slope) {
  if (const Expression* row = own(activation)) return (*row)(x, slope);
  return math::activate(activation, x, slope);
}

}  // namespace ak
