#include "base/process_end.hpp"

#include <cstdlib>
#include <mutex>
#include <vector>

namespace ak {
namespace {

struct Stops {
  std::mutex mutex;
  std::vector<void (*)()> all;
};

// Never destroyed: the handlers themselves read it.
Stops& stops() {
  static Stops& made = *new Stops;
  return made;
}

void stop_all() {
  std::vector<void (*)()> all;
  {
    const std::lock_guard lock(stops().mutex);
    all = stops().all;
  }
  for (void (*const stop)() : all) stop();
}

}  // namespace

void before_process_ends(void (*stop)()) {
  {
    const std::lock_guard lock(stops().mutex);
    stops().all.push_back(stop);
  }
  library_set_up();
}

void library_set_up() { std::atexit(stop_all); }

}  // namespace ak
