#include "emulate/fiber.hpp"

#include <sys/mman.h>

#include <new>

// AK_UCONTEXT: as a processor has it that no switch is written for.
#if defined(AK_UCONTEXT) || (!defined(__x86_64__) && !defined(__aarch64__))
#define AK_UCONTEXT_USED
#include <ucontext.h>
#endif

namespace ak::loop {

#if defined(__x86_64__) && !defined(AK_UCONTEXT_USED)

// The registers that a call keeps go on the stack, the stacks are exchanged, and they come back from the other one.
extern "C" void ak_change_context(Context* from, Context to);
__asm__(R"(
.pushsection .text
.globl ak_change_context
.hidden ak_change_context
.type ak_change_context, @function
ak_change_context:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ak_change_context, .-ak_change_context
.popsection
)");

void change_context(Context& from, Context to) { ak_change_context(&from, to); }

Context Stacks::start(int stack, void (*entry)()) {
  // Threads whose stacks begin at the same place of a page would take each other's lines in the cache.
  const std::uintptr_t top = begin(stack) + kBytes - 64 - static_cast<std::uintptr_t>(stack % 32) * 64;
  auto** at = reinterpret_cast<void**>(top);
  *--at = nullptr;  // as a call leaves the stack: 8 bytes off 16
  *--at = reinterpret_cast<void*>(entry);
  return at - 6;
}

#elif defined(__aarch64__) && !defined(AK_UCONTEXT_USED)

extern "C" void ak_change_context(Context* from, Context to);
__asm__(R"(
.pushsection .text
.globl ak_change_context
.hidden ak_change_context
.type ak_change_context, %function
ak_change_context:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size ak_change_context, .-ak_change_context
.popsection
)");

void change_context(Context& from, Context to) { ak_change_context(&from, to); }

Context Stacks::start(int stack, void (*entry)()) {
  const std::uintptr_t top = begin(stack) + kBytes - 64 - static_cast<std::uintptr_t>(stack % 32) * 64;
  auto** at = reinterpret_cast<void**>(top - 160);
  at[11] = reinterpret_cast<void*>(entry);  // x30
  return at;
}

#else

// Slower by a system call each way: the signal mask changes hands too.
void change_context(Context& from, Context to) {
  ucontext_t here;
  from = &here;
  ::swapcontext(&here, static_cast<ucontext_t*>(to));
}

Context Stacks::start(int stack, void (*entry)()) {
  auto* const context = reinterpret_cast<ucontext_t*>(begin(stack));
  ::getcontext(context);
  context->uc_stack.ss_sp = context + 1;
  context->uc_stack.ss_size = kBytes - sizeof(ucontext_t);
  context->uc_link = nullptr;
  ::makecontext(context, entry, 0);
  return context;
}

#endif

Stacks::~Stacks() {
  for (const std::uintptr_t stack : all_) ::munmap(reinterpret_cast<void*>(stack - 4096), kBytes + 4096);
}

int Stacks::take() {
  if (free_.empty()) {
    // A page that nobody may touch before it: what grows too far ends the process instead of a neighbour's values.
    void* const at = ::mmap(nullptr, kBytes + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    ::mprotect(at, 4096, PROT_NONE);
    all_.push_back(reinterpret_cast<std::uintptr_t>(at) + 4096);
    free_.push_back(static_cast<int>(all_.size()) - 1);
  }
  const int stack = free_.back();
  free_.pop_back();
  return stack;
}

void Stacks::give_back_all() {
  free_.clear();
  for (std::size_t i = all_.size(); i-- > 0;) free_.push_back(static_cast<int>(i));
}

bool Stacks::contains(std::uintptr_t address) const {
  for (const std::uintptr_t stack : all_)
    if (address - stack < kBytes) return true;
  return false;
}

}  // namespace ak::loop
