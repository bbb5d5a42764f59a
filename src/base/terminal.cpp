#include "base/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace ak {

namespace {

std::string shown_bytes(std::string_view text, std::string_view kept) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t size = character(text), bytes = std::max(size, std::size_t{1});
    const std::string_view next = text.substr(0, bytes);
    if (size == 0 || (is_control(next) && kept.find(next) == kept.npos))
      for (const char c : next) shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      shown += next;
    text.remove_prefix(bytes);
  }
  return shown;
}

}  // namespace

std::string printable(std::string_view text) { return shown_bytes(text, "\n\t"); }
std::string printable_line(std::string_view text) { return shown_bytes(text, ""); }

std::string counted(std::size_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string shown_us(double us) {
  if (us <= 0) return "-";
  if (us >= 1e6) return fmt::format("{:.2f} s", us / 1e6);
  return us < 1000 ? fmt::format("{:.2f} us", us) : fmt::format("{:.3f} ms", us / 1000);
}

}  // namespace ak
