#include "port/c/confined.hpp"

#include "base/box.hpp"
#include "base/landlock.hpp"

namespace ak::port {

namespace {
constexpr std::uint64_t kMostMemory = std::uint64_t{16} << 30, kMostFile = std::uint64_t{512} << 20;
}

ChildOptions compiler_box(const std::string& folder) {
  ChildOptions options;
  options.variables = {"CCACHE_DISABLE=1"};  // which would write elsewhere
  std::vector<std::string> write;
  if (!folder.empty()) options.variables.push_back("TMPDIR=" + folder), write.push_back(folder);
  options.most_memory = kMostMemory, options.most_file = kMostFile;
  options.restrict = [write] { restrict_files({.write = write, .read = {}}); };
  return options;
}

ChildOptions program_box() {
  ChildOptions options;
  options.most_memory = kMostMemory, options.most_file = kMostFile;
  options.restrict = [] {
    restrict_files({});
    stop_at_writes();
  };
  return options;
}

}  // namespace ak::port
