// Pieces of the store as the commands that check and remove them choose and name them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/store.hpp"

namespace ak::cli {

/// "16x64x64 bf16 relu on NVIDIA H200 ...", "loop smooth 6ad0...", "image 6ad0...".
std::string shown(const Piece& piece);
/// "640 bytes", "2.1 MiB".
std::string shown_bytes(std::uint64_t bytes);
std::string hex(std::string_view key);

/// Unix seconds when it was made; 0 where that is not known.
std::int64_t time_of(const Piece& piece);

/// Which pieces a command takes out of all there are, by their index.
class Chosen {
 public:
  explicit Chosen(const std::vector<Piece>& all) : all_(all), chosen_(all.size()) {}

  void add(std::size_t piece) { chosen_[piece] = true; }
  bool has(std::size_t piece) const { return chosen_[piece]; }
  /// What goes with them: the history of plans, and the images that no other plan names.
  void add_what_goes_along();
  std::vector<Piece> pieces() const;
  std::size_t count(Piece::Kind kind) const;
  std::uint64_t bytes() const;

 private:
  const std::vector<Piece>& all_;
  std::vector<bool> chosen_;
};

}  // namespace ak::cli
