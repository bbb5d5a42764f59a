// What the emulator and the kernels that it runs say to each other. Read twice: by the emulator's sources, and as a text by the
// user's compiler, before the kernels' text; so it includes nothing.
#pragma once

namespace ak_emulated {

struct Index {
  unsigned x, y, z;
};

/// How memory is accessed. kSwap: an update that follows a read with nobody between them.
enum : unsigned { kRead = 0, kWrite = 1, kUpdate = 2, kAcquire = 4, kRelease = 8, kSwap = 16 };

/// What the running thread may ask of the emulator.
struct Table {
  void (*access)(const void* address, unsigned bytes, unsigned how);   // read or write, before it happens
  void (*atomic)(const void* address, unsigned bytes, unsigned how);   // the same, of an access that races with no atomic one
  int (*block_barrier)(int predicate, int line);                       // in how many threads the predicate holds
  void (*warp_barrier)(unsigned mask, int line);
  unsigned long long (*exchange)(unsigned mask, unsigned long long value, int source, int line);  // the value of lane `source`
  unsigned (*ballot)(unsigned mask, int predicate, int line);
  void (*fence)(int block_only);
  void (*pause)();
  void (*wait_for_previous)();
  void (*trap)(int line);
  void (*out_of_steps)();
  void (*bad_index)(const char* type, unsigned long long index, int line);
  void (*copy)(void* to, const void* from, unsigned long bytes);  // what lies in both may overlap
  void (*fill)(void* to, int value, unsigned long bytes);
  void (*range)(const void* address, unsigned long bytes, unsigned how);  // an access of any length
  void (*misaligned)(const void* address, unsigned long long alignment, int line);
};

/// What the emulator sets for the running thread.
struct Here {
  Index thread, block, block_dim, grid_dim;
};

struct Kernel {
  const char* name;
  void (*call)(void** arguments);
  int parameters;
  const unsigned char* bytes;     // of each parameter
  const unsigned char* pointers;  // whether it is one
};

/// The one symbol that an object exports, as ak_emulated_object.
struct Object {
  const Table** table;
  Here* here;
  long long* steps;  // counted down, out_of_steps at 0
  const Kernel* kernels;
  int kernel_count;
  void* dynamic_shared;
};

constexpr int kMostSharedBytes = 232448;

}  // namespace ak_emulated
