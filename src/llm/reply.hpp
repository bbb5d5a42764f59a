// Reply: untrusted text -> tactics. Whatever a model, a proxy or a hostile server sends, the cost is bounded and what is valid
// in it is used. Whether a tactic can run is not decided here (Family::rejects).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/tactic.hpp"

namespace ak {

struct ReplyItem {
  Tactic tactic;
  std::string why;  // the model's reason, one printable line of at most 200 characters; may be empty
};

struct LlmReply {
  std::vector<ReplyItem> items;       // distinct, in the order given
  std::vector<std::string> rejected;  // "item 3: tile_m: expected a whole number"; at most kMostReasons
  int rejections = 0;                 // all of them, those beyond the cap too
  std::string fault;                  // why there is no item at all; empty otherwise
};

inline constexpr std::size_t kMostReplyText = 1u << 20, kMostItemText = 4096, kMostItems = 64, kMostScanned = 1024,
                             kMostReasons = 8;

/// Items are the innermost JSON objects of the text, each read by itself:
///   {"why": "...", "family": "sm90", "tile_m": 128, ..., "schedule": "pingpong"}
/// so prose, code fences, any wrapper around them, bad neighbours and a cut-off end do no harm. <think> blocks are dropped.
/// At most `most` items are taken, never more than kMostItems. A knob may be null; keys that are no knobs are ignored.
LlmReply parse_reply(std::string_view text, std::size_t most = kMostItems);

}  // namespace ak
