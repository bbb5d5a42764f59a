// Asking a language model for a function's kernels until they are good enough.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "port/llm/asked.hpp"
#include "port/port.hpp"

namespace ak::port {

/// What becomes of a candidate: sets its status and why; times in us where it was timed.
struct Judged {
  double us = 0, best_us = 0;  // the candidate's, and of the best beside it
};
using Judge = std::function<Judged(Tried&)>;

/// Each answer becomes a candidate in `to`, which never moves those that it has: its capacity is for all. `asks`: before each
/// question, its number. Returns why it ended before its attempts were made, in one line; empty otherwise. Throws as analyse()
/// does, and what `judge` throws.
std::string ask_for_kernels(const PortRequest& request, const Judge& judge, const std::function<void(int number)>& asks,
                            Deadline deadline, std::vector<Tried>& to);

/// Whether two texts are the same but for the names in them.
bool alike_but_for_names(std::string_view a, std::string_view b);

}  // namespace ak::port
