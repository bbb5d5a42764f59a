// A search on the tests' fake driver: its kernels are proven by the ak-worker that the library finds, or a warning says why not.
#include <ak/ak.hpp>
#include <cstdint>
#include <iostream>

int main() {
  int warnings = 0;
  ak::Options options;
  options.cache_dir = "";
  options.shipped = false;
  options.max_trials = 6;
  options.log_level = "warn";
  options.log = [&](std::string_view, std::string_view line) {
    ++warnings;
    std::cerr << line << "\n";
  };
  ak::Context context(options);
  const auto address = [](std::uintptr_t mebibytes) { return reinterpret_cast<void*>(mebibytes << 20); };  // nothing is read
  context.prepare({address(1), 64, 256, 256}, {address(2), 256, 256, 256}, {address(3), 64, 256, 256});
  std::cout << context.counters().trials << " trials, " << warnings << " warnings\n";
  return context.counters().trials > 0 && warnings == 0 ? 0 : 1;
}
