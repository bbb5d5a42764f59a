#include "lock_count.hpp"

#ifdef __SANITIZE_THREAD__  // which has to see each lock itself

std::size_t locks() { return 0; }

#else

#include <dlfcn.h>
#include <pthread.h>

extern "C" char __executable_start, etext;  // of the linker: where this program's code lies

namespace {

thread_local std::size_t count = 0;
using Lock = int (*)(pthread_mutex_t*);

int counted(const char* name, pthread_mutex_t* mutex, const void* caller) {
  if (caller >= &__executable_start && caller < &etext) ++count;
  return reinterpret_cast<Lock>(dlsym(RTLD_NEXT, name))(mutex);
}

}  // namespace

std::size_t locks() { return count; }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  return counted("pthread_mutex_lock", mutex, __builtin_return_address(0));
}
extern "C" int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  return counted("pthread_mutex_trylock", mutex, __builtin_return_address(0));
}

#endif
