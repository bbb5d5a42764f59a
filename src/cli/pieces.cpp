#include "cli/pieces.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/cli.hpp"
#include "context/describe.hpp"
#include "loop/winner.hpp"

namespace ak::cli {

std::string hex(std::string_view key) {
  std::string digits;
  for (const char c : key) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return digits;
}

std::string shown(const Piece& piece) {
  if (piece.record) return fmt::format("{} on {}", to_string(piece.record->problem), describe(piece.record->hardware));
  if (piece.other) return fmt::format("{} {}", piece.other->kind, piece.other->key);
  constexpr const char* kinds[] = {"record", "record of other work", "image", "trial"};  // as Piece::Kind
  const bool is_file = piece.key.ends_with(".pack");
  return fmt::format("{} {}", kinds[piece.kind], is_file ? piece.key : hex(piece.key));
}

std::string shown_bytes(std::uint64_t bytes) {
  return bytes < 1 << 20 ? counted(bytes, "byte") : fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::int64_t time_of(const Piece& piece) {
  if (piece.record) return piece.record->provenance.unix_time;
  if (!piece.other || piece.other->kind != loop::kLoop) return 0;
  try {
    return loop::read_winner(piece.other->text).unix_time;
  } catch (const Error&) {
    return 0;
  }
}

void Chosen::add_what_goes_along() {
  std::set<std::string, std::less<>> plans, named;
  bool all_known = true;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const Piece& piece = all_[i];
    if (piece.kind != Piece::plan) continue;
    if (has(i)) {
      plans.insert(piece.key);
    } else if (piece.record) {
      const auto image = piece.record->cubin.bytes();
      named.emplace(image.begin(), image.end());
    } else {
      all_known = false;  // it may name any of them
    }
  }
  for (std::size_t i = 0; i < all_.size(); ++i)
    if (all_[i].kind == Piece::trial ? plans.contains(std::string_view(all_[i].key).substr(0, 16))
                                     : all_[i].kind == Piece::image && all_known && !named.contains(all_[i].key))
      add(i);
}

std::vector<Piece> Chosen::pieces() const {
  std::vector<Piece> out;
  for (std::size_t i = 0; i < all_.size(); ++i)
    if (has(i)) out.push_back(all_[i]);
  return out;
}

std::size_t Chosen::count(Piece::Kind kind) const {
  return static_cast<std::size_t>(std::ranges::count(pieces(), kind, &Piece::kind));
}

std::uint64_t Chosen::bytes() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < all_.size(); ++i) sum += has(i) ? all_[i].bytes : 0;
  return sum;
}

}  // namespace ak::cli
