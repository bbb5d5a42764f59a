// What the compiler's instrumentation calls, handed on to the emulator. Compiled without instrumentation and linked to the kernels;
// table.cuh stands before it.
namespace ak_emulated {
#define AK_HIDDEN __attribute__((visibility("hidden")))
extern "C" {
AK_HIDDEN const Table* ak_table = nullptr;
AK_HIDDEN Here ak_here = {};
AK_HIDDEN long long ak_steps = 1ll << 62;  // the object's own initialisation counts too
AK_HIDDEN __attribute__((aligned(1024))) unsigned char ak_dynamic_shared[kMostSharedBytes] = {};

AK_HIDDEN void __tsan_init() {}
AK_HIDDEN void __tsan_func_entry(void*) {}
AK_HIDDEN void __tsan_func_exit() {}
AK_HIDDEN void __sanitizer_cov_trace_pc() {
  if (--ak_steps <= 0) ak_table->out_of_steps();
}
#define AK_HOOKS(bytes)                                                                                               \
  AK_HIDDEN void __tsan_read##bytes(void* at) { ak_table->access(at, bytes, kRead); }                                 \
  AK_HIDDEN void __tsan_write##bytes(void* at) { ak_table->access(at, bytes, kWrite); }                               \
  AK_HIDDEN void __tsan_unaligned_read##bytes(void* at) { ak_table->access(at, bytes, kRead); }                       \
  AK_HIDDEN void __tsan_unaligned_write##bytes(void* at) { ak_table->access(at, bytes, kWrite); }                     \
  AK_HIDDEN void __tsan_volatile_read##bytes(void* at) { ak_table->atomic(at, bytes, kRead); }                        \
  AK_HIDDEN void __tsan_volatile_write##bytes(void* at) { ak_table->atomic(at, bytes, kWrite); }                      \
  AK_HIDDEN void __tsan_unaligned_volatile_read##bytes(void* at) { ak_table->atomic(at, bytes, kRead); }              \
  AK_HIDDEN void __tsan_unaligned_volatile_write##bytes(void* at) { ak_table->atomic(at, bytes, kWrite); }            \
  AK_HIDDEN void __tsan_read_write##bytes(void* at) { ak_table->access(at, bytes, kWrite); }                          \
  AK_HIDDEN void __tsan_unaligned_read_write##bytes(void* at) { ak_table->access(at, bytes, kWrite); }
AK_HOOKS(1) AK_HOOKS(2) AK_HOOKS(4) AK_HOOKS(8) AK_HOOKS(16)
AK_HIDDEN void __tsan_read_range(void* at, unsigned long bytes) { ak_table->range(at, bytes, kRead); }
AK_HIDDEN void __tsan_write_range(void* at, unsigned long bytes) { ak_table->range(at, bytes, kWrite); }
// The C library's would not be seen; some compilers call these instead.
#define AK_COPY(name)                                                             \
  AK_HIDDEN void* name(void* to, const void* from, unsigned long bytes) {         \
    ak_table->copy(to, from, bytes);                                              \
    return to;                                                                    \
  }
#define AK_FILL(name)                                                             \
  AK_HIDDEN void* name(void* to, int value, unsigned long bytes) {                \
    ak_table->fill(to, value, bytes);                                             \
    return to;                                                                    \
  }
AK_COPY(memcpy) AK_COPY(memmove) AK_COPY(__tsan_memcpy) AK_COPY(__tsan_memmove)
AK_FILL(memset) AK_FILL(__tsan_memset)

AK_HIDDEN void ak_atomic(const void* address, unsigned bytes, unsigned how) { ak_table->atomic(address, bytes, how); }
AK_HIDDEN int ak_block_barrier(int predicate, int line) { return ak_table->block_barrier(predicate, line); }
AK_HIDDEN void ak_warp_barrier(unsigned mask, int line) { ak_table->warp_barrier(mask, line); }
AK_HIDDEN unsigned long long ak_exchange_bits(unsigned mask, unsigned long long value, int source, int line) {
  return ak_table->exchange(mask, value, source, line);
}
AK_HIDDEN unsigned ak_ballot(unsigned mask, int predicate, int line) { return ak_table->ballot(mask, predicate, line); }
AK_HIDDEN void ak_fence(int block_only) { ak_table->fence(block_only); }
AK_HIDDEN void ak_pause() { ak_table->pause(); }
AK_HIDDEN void ak_wait_for_previous() { ak_table->wait_for_previous(); }
AK_HIDDEN void ak_trap(int line) { ak_table->trap(line); }

// As the undefined-behaviour instrumentation describes a place and a type.
struct Place {
  const char* file;
  unsigned line, column;
};
struct Type {
  unsigned short kind, info;
  char name[1];
};
struct BadIndex {
  Place place;
  const Type *array, *index;
};
struct BadPointer {
  Place place;
  const Type* type;
  unsigned char log_alignment, kind;
};
AK_HIDDEN void __ubsan_handle_out_of_bounds_abort(const BadIndex* what, unsigned long index) {
  ak_table->bad_index(what->array->name, index, static_cast<int>(what->place.line));
}
AK_HIDDEN void __ubsan_handle_type_mismatch_v1_abort(const BadPointer* what, void* at) {
  ak_table->misaligned(at, 1ull << what->log_alignment, static_cast<int>(what->place.line));
}

extern AK_HIDDEN const Kernel ak_kernels[];
extern AK_HIDDEN const int ak_kernel_count;
__attribute__((visibility("default"))) void ak_emulated_object(Object* object) {
  *object = {&ak_table, &ak_here, &ak_steps, ak_kernels, ak_kernel_count, ak_dynamic_shared};
}
}
}  // namespace ak_emulated
