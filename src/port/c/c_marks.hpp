// Marks in a preprocessed C text that say at run time which statement runs, and in which iteration of which loops.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ak::port {

/// A statement without its body, or a loop's test.
struct Mark {
  int line = 0, last_line = 0;  // in its file
  bool covers(int other) const { return line <= other && other <= last_line; }
};

struct Marked {
  std::string text;
  std::vector<Mark> marks;  // by their number; 0 is none
};

/// `text`: what `cc -E` wrote. Calls of trace_runtime.c's functions stand in the bodies of all functions that are not the
/// compiler's own headers'; nothing else changes but that #pragma lines go. What a call of one of `dropped` reads and writes,
/// its arguments too, does not count.
Marked marked(std::string_view text, const std::vector<std::string>& dropped = {});

}  // namespace ak::port
