/* Records which statements depend on which while a function runs: its text is compiled with -fsanitize=thread, which calls the
   functions below at each access, and has marks (c_marks.hpp) that say where it is. Compiled without either. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FLOW, ANTI, OUTPUT };
enum { CELL = 4 }; /* bytes: no smaller types are traced */
enum { MOST_RANGES = 512, MOST_LOOPS = 64, MOST_CALLS = 256, MOST_ROWS = 8192, MOST_ACCESSES = 2000000 };

/* An iteration of a loop, in one of outer ones. */
typedef struct Turn {
  const struct Turn* outer;
  int loop, depth;       /* the loop's mark */
  long long run, number; /* which run of the loop, which of its iterations */
} Turn;

typedef struct {
  int statement;       /* its mark */
  long long execution; /* one is not another, in the same iteration too */
  const Turn* turn;
} Place;

typedef struct Reader {
  Place place;
  struct Reader* next;
} Reader;

typedef struct {
  uintptr_t address; /* over CELL; 0: none */
  int range;
  Place writer;
  Reader* readers; /* since then */
} Cell;

typedef struct {
  long long kind, range, from, to, loop, distance;
} Row;

/* What the host reads: the rows that there are, and whether these are all. */
typedef struct {
  long long count, whole;
  Row rows[MOST_ROWS];
} Result;

static struct {
  uintptr_t begin, end;
  int id;
} ranges[MOST_RANGES];
static int range_count, recording, apart; /* apart: in calls that the analysis left out */
static Place now;
static struct {
  const Turn* outside;
  int mark;
  long long run, number;
} loops[MOST_LOOPS];
static Place callers[MOST_CALLS];
static int loop_depth, call_depth;
static long long executions, runs, accesses;
static Cell* cells;
static size_t cell_count, cell_room;
static int row_table[4 * MOST_ROWS]; /* a row's number + 1 */
static Result* result;
static struct Block {
  struct Block* next;
  size_t used;
  char bytes[1 << 18];
} * memory;

static void give_up(void) {
  if (result) result->whole = 0;
  recording = 0;
}

static void* take(size_t bytes) {
  if (!memory || memory->used + bytes > sizeof memory->bytes) {
    struct Block* block = malloc(sizeof *block);
    if (!block) abort();
    block->next = memory, block->used = 0, memory = block;
  }
  memory->used += bytes;
  return memory->bytes + memory->used - bytes;
}

static size_t hashed(unsigned long long value) { return (size_t)((value * 0x9e3779b97f4a7c15ull) >> 20); }

static Cell* cell_at(uintptr_t address, int range) {
  if (2 * cell_count >= cell_room) {
    const size_t old_room = cell_room;
    Cell* const old = cells;
    cell_room = old_room ? 2 * old_room : 1 << 12;
    cells = calloc(cell_room, sizeof *cells);
    if (!cells) abort();
    for (size_t i = 0; i < old_room; ++i)
      if (old[i].address) {
        size_t at = hashed(old[i].address) % cell_room;
        while (cells[at].address) at = (at + 1) % cell_room;
        cells[at] = old[i];
      }
    free(old);
  }
  size_t at = hashed(address) % cell_room;
  while (cells[at].address && cells[at].address != address) at = (at + 1) % cell_room;
  if (!cells[at].address) cells[at].address = address, cells[at].range = range, ++cell_count;
  return &cells[at];
}

static void add_row(Row row) {
  const unsigned long long* words = (const unsigned long long*)&row;
  unsigned long long hash = 0;
  for (size_t i = 0; i < sizeof row / sizeof *words; ++i) hash = (hash ^ words[i]) * 0xff51afd7ed558ccdull, hash ^= hash >> 29;
  const size_t room = sizeof row_table / sizeof *row_table;
  size_t at = hash % room;
  for (; row_table[at]; at = (at + 1) % room)
    if (!memcmp(&result->rows[row_table[at] - 1], &row, sizeof row)) return;
  if (result->count == MOST_ROWS) {
    give_up();
    return;
  }
  result->rows[result->count++] = row;
  row_table[at] = (int)result->count;
}

/* What happens now depends on what happened there. */
static void remember(int kind, int range, Place from) {
  if (from.execution == now.execution) return;
  const Turn *a = from.turn, *b = now.turn, *earlier = 0, *later = 0;
  while (a && (!b || a->depth > b->depth)) a = a->outer;
  while (b && (!a || b->depth > a->depth)) b = b->outer;
  for (; a != b; a = a->outer, b = b->outer) {
    const int same_run = a->run == b->run; /* the outermost such loop carries it */
    earlier = same_run ? a : 0, later = same_run ? b : 0;
  }
  const Row row = {
      kind, range, from.statement, now.statement, later ? later->loop : 0, later ? later->number - earlier->number : 0};
  add_row(row);
}

static void access_cell(uintptr_t address, int range, int writes) {
  Cell* const cell = cell_at(address, range);
  if (!writes) {
    if (cell->writer.statement) remember(FLOW, cell->range, cell->writer);
    if (cell->readers && cell->readers->place.execution == now.execution) return;
    Reader* const reader = take(sizeof *reader);
    reader->place = now, reader->next = cell->readers, cell->readers = reader;
    return;
  }
  for (const Reader* reader = cell->readers; reader; reader = reader->next) remember(ANTI, cell->range, reader->place);
  if (cell->writer.statement) remember(OUTPUT, cell->range, cell->writer);
  cell->readers = 0, cell->writer = now;
}

static void access_bytes(const void* at, unsigned long bytes, int writes) {
  if (!recording || apart || !now.statement) return;
  const uintptr_t begin = (uintptr_t)at;
  for (int i = 0; i < range_count; ++i) {
    if (begin < ranges[i].begin || begin >= ranges[i].end) continue;
    for (uintptr_t cell = begin / CELL; cell <= (begin + bytes - 1) / CELL; ++cell) access_cell(cell, ranges[i].id, writes);
    if (++accesses > MOST_ACCESSES) give_up();
    return;
  }
}

/* --- the host's part ------------------------------------------------------------------------------------------------- */

void ak_trace_begin(void* where) {
  result = where, result->count = 0, result->whole = 1;
  range_count = loop_depth = call_depth = apart = 0, executions = runs = accesses = 0, cell_count = 0;
  memset(&now, 0, sizeof now), memset(row_table, 0, sizeof row_table);
  if (cells) memset(cells, 0, cell_room * sizeof *cells);
  while (memory) {
    struct Block* const next = memory->next;
    free(memory), memory = next;
  }
  recording = 1;
}
void ak_trace_range(int id, const void* begin, unsigned long bytes) {
  if (range_count == MOST_RANGES) {
    give_up();
    return;
  }
  ranges[range_count].begin = (uintptr_t)begin, ranges[range_count].end = (uintptr_t)begin + bytes,
  ranges[range_count++].id = id;
}
void ak_trace_end(void) { recording = 0; }

/* --- marks ----------------------------------------------------------------------------------------------------------- */

void ak_apart(int step) { apart += step; }
void ak_at(int mark) { now.statement = mark, now.execution = ++executions; }
int ak_call(void) {
  if (call_depth < MOST_CALLS)
    callers[call_depth] = now;
  else
    give_up();
  return call_depth++;
}
void ak_return(int* depth) {
  call_depth = *depth;
  if (call_depth < MOST_CALLS) now.statement = callers[call_depth].statement, now.execution = callers[call_depth].execution;
}
int ak_enter(int mark) {
  if (loop_depth < MOST_LOOPS)
    loops[loop_depth].outside = now.turn, loops[loop_depth].mark = mark, loops[loop_depth].run = ++runs,
    loops[loop_depth].number = 0;
  else
    give_up();
  return loop_depth++;
}
void ak_turn(int mark) {
  ak_at(mark);
  if (!recording || loop_depth == 0 || loop_depth > MOST_LOOPS) return;
  Turn* const turn = take(sizeof *turn);
  turn->outer = loops[loop_depth - 1].outside, turn->loop = loops[loop_depth - 1].mark;
  turn->depth = turn->outer ? turn->outer->depth + 1 : 1;
  turn->run = loops[loop_depth - 1].run, turn->number = loops[loop_depth - 1].number++;
  now.turn = turn;
}
void ak_leave(int* depth) {
  loop_depth = *depth;
  if (loop_depth < MOST_LOOPS) now.turn = loops[loop_depth].outside;
}

/* --- what the compiler's instrumentation calls ------------------------------------------------------------------------- */

void __tsan_init(void) {}
void __tsan_func_entry(void* at) { (void)at; }
void __tsan_func_exit(void) {}
#define HOOK(name, bytes, writes) \
  void __tsan_##name##bytes(void* at) { access_bytes(at, bytes, writes); }
#define HOOKS(bytes)                                                                                                 \
  HOOK(read, bytes, 0)                                                                                               \
  HOOK(write, bytes, 1) HOOK(unaligned_read, bytes, 0) HOOK(unaligned_write, bytes, 1) HOOK(volatile_read, bytes, 0) \
      HOOK(volatile_write, bytes, 1) HOOK(unaligned_volatile_read, bytes, 0)                                         \
          HOOK(unaligned_volatile_write, bytes, 1) void __tsan_read_write##bytes(void* at) {                         \
    access_bytes(at, bytes, 0), access_bytes(at, bytes, 1);                                                          \
  }                                                                                                                  \
  void __tsan_unaligned_read_write##bytes(void* at) { access_bytes(at, bytes, 0), access_bytes(at, bytes, 1); }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
void __tsan_read_range(void* at, unsigned long bytes) { access_bytes(at, bytes, 0); }
void __tsan_write_range(void* at, unsigned long bytes) { access_bytes(at, bytes, 1); }
void* __tsan_memcpy(void* to, const void* from, unsigned long bytes) {
  access_bytes(from, bytes, 0), access_bytes(to, bytes, 1);
  return memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, unsigned long bytes) {
  access_bytes(from, bytes, 0), access_bytes(to, bytes, 1);
  return memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, unsigned long bytes) {
  access_bytes(to, bytes, 1);
  return memset(to, value, bytes);
}
