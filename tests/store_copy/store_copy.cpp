// A second copy of the store in a process, as an extension has that is linked with the static library.
#include "cache/store.hpp"
#include "tests/unit/records.hpp"

using namespace ak;

namespace {

Store& store(void* opened) { return **static_cast<std::shared_ptr<Store>*>(opened); }

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void* copy_open(const char* folder) {
  return new std::shared_ptr<Store>(open_store(folder));
}
__attribute__((visibility("default"))) void copy_close(void* opened) { delete static_cast<std::shared_ptr<Store>*>(opened); }
__attribute__((visibility("default"))) void copy_put(void* opened, int n) {
  store(opened).put_if_absent(sample::record(n), "the copy's image");
}
__attribute__((visibility("default"))) int copy_finds(void* opened, int n) {
  return store(opened).find(sample::problem(n), sample::hardware()).has_value();
}
/// Why it writes nothing.
__attribute__((visibility("default"))) const char* copy_fault(void* opened) {
  static std::string text;
  return (text = store(opened).fault().writing).c_str();
}

}  // extern "C"
