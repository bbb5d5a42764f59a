#include "base/terminal.hpp"

#include <fmt/format.h>
#include <simdjson.h>

namespace ak {

namespace {

std::string shown_bytes(std::string_view text, std::string_view kept) {
  const bool utf8 = simdjson::validate_utf8(text.data(), text.size());
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = (byte < 0x20 && kept.find(c) == kept.npos) || byte == 0x7f;
    if (control || (byte > 0x7f && !utf8))
      shown += fmt::format("\\x{:02x}", byte);
    else
      shown += c;
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
