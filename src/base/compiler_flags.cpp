#include "base/compiler_flags.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"

namespace ak {

namespace {

// Their value is the next word; they stay.
constexpr std::string_view kWithValue =
    "-I -D -U -include -imacros -isystem -iquote -idirafter -isysroot -iprefix -target -arch --param -Xpreprocessor -Xclang";

// The value, the next word, goes with them.
constexpr std::string_view kDroppedWithValue =
    "-o --output -MF -MT -MQ -MJ -x -L -l -T -u -z -e -dumpbase -dumpbase-ext -dumpdir -aux-info -wrapper -Xlinker -Xassembler "
    "--serialize-diagnostics";

constexpr std::string_view kDropped =
    "-c -E -S - -- -P -C -CC -H -v -### -r -shared -fsyntax-only --analyze --coverage -ftest-coverage -fprofile-arcs "
    "-fstack-usage -gsplit-dwarf";

constexpr std::string_view kDroppedBeginnings =
    "-o --output= -M -x -L -l -d -Wl, -Wa, -Wp,-M -save-temps --save-temps -emit- -fdump- -fprofile-generate -fcallgraph-info "
    "-ftime-trace -fopt-info";

constexpr std::string_view kFileEndings = ".c .h .i .s .S .o .a .so .cc .cpp";

bool is_one_of(std::string_view word, std::string_view list) { return std::ranges::count(words(list), word) > 0; }

bool begins_with_one_of(std::string_view word, std::string_view list) {
  return std::ranges::any_of(words(list), [&](std::string_view beginning) { return word.starts_with(beginning); });
}

bool is_file(std::string_view word) {
  return !word.starts_with('-') &&
         std::ranges::any_of(words(kFileEndings), [&](std::string_view ending) { return word.ends_with(ending); });
}

}  // namespace

std::vector<std::string> flags_of_meaning(const std::vector<std::string>& flags) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const std::string& flag = flags[i];
    if (is_one_of(flag, kDroppedWithValue)) {
      ++i;
    } else if (is_one_of(flag, kWithValue)) {
      kept.push_back(flag);
      if (++i < flags.size()) kept.push_back(flags[i]);
    } else if (!is_one_of(flag, kDropped) && !begins_with_one_of(flag, kDroppedBeginnings) && !is_file(flag)) {
      kept.push_back(flag);
    }
  }
  return kept;
}

}  // namespace ak
