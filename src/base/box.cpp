#include "base/box.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "base/landlock.hpp"

namespace ak {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;  // no filter is written for it
#endif

// Among them what a thread begins with: the one that waits for the host's end may be late.
constexpr int kCalls[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_ppoll,
    SYS_close,
    SYS_lseek,
    SYS_fstat,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_setitimer,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_exit,
    SYS_exit_group,
    SYS_getpid,
    SYS_gettid,
    SYS_sched_yield,
    SYS_restart_syscall,
    SYS_getrandom,
    SYS_set_robust_list,
    SYS_sched_getaffinity,
    SYS_sched_setaffinity,
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_rseq
    SYS_rseq,
#endif
};

constexpr int kOpeningCalls[] = {
    SYS_newfstatat, SYS_readlinkat, SYS_getcwd,   SYS_faccessat,
#ifdef SYS_stat
    SYS_stat,       SYS_access,     SYS_readlink,
#endif
#ifdef SYS_statx
    SYS_statx,
#endif
};

// What changes files, or leads out of the process.
constexpr int kChanges[] = {
    SYS_unlinkat,  SYS_renameat2, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_mknodat, SYS_truncate, SYS_fchmodat, SYS_fchownat,
    SYS_utimensat, SYS_setxattr,  SYS_socket,  SYS_ptrace, SYS_mount,     SYS_umount2, SYS_chroot,   SYS_openat2,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_unlink
    SYS_unlink,    SYS_rename,    SYS_mkdir,   SYS_rmdir,  SYS_link,      SYS_symlink, SYS_mknod,    SYS_creat,    SYS_chmod,
    SYS_chown,     SYS_lchown,
#endif
};

// What makes other processes, or reaches them and beyond.
constexpr int kOfOthers[] = {
    SYS_execve, SYS_execveat, SYS_socket, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_mount,  SYS_umount2,  SYS_chroot, SYS_setns,  SYS_unshare,          SYS_bpf,
    SYS_tkill,
#ifdef SYS_fork
    SYS_fork,   SYS_vfork,
#endif
};

constexpr std::uint32_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;  // of the flags that a file is opened with

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : otherwise_(otherwise) {
    put(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
    put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    put(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    put(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  }
  void answer(int call, std::uint32_t action) {
    put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    put(BPF_STMT(BPF_RET | BPF_K, action));
  }
  // By whether these bits of an argument (its lower half) have that value.
  void answer_by(int call, int argument, std::uint32_t bits, std::uint32_t value, std::uint32_t action, std::uint32_t other) {
    put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 5));
    put(BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8u * static_cast<unsigned>(argument))));
    put(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits));
    put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    put(BPF_STMT(BPF_RET | BPF_K, action));
    put(BPF_STMT(BPF_RET | BPF_K, other));
  }
  void allow(int call) { answer(call, SECCOMP_RET_ALLOW); }
  void allow_where(int call, int argument, std::uint32_t bits, std::uint32_t value) {
    answer_by(call, argument, bits, value, SECCOMP_RET_ALLOW, otherwise_);
  }
  bool install(bool all_threads) {
    put(BPF_STMT(BPF_RET | BPF_K, otherwise_));
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0, &program) == 0;
  }

 private:
  void put(sock_filter one) { code_.push_back(one); }
  const std::uint32_t otherwise_;
  std::vector<sock_filter> code_;
};

}  // namespace

bool restrict_system_calls(bool opening) {
  if (kArchitecture == 0) return false;
  Filter filter(opening ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_TRAP);
  for (const int call : kCalls) filter.allow(call);
  filter.allow_where(SYS_kill, 0, ~0u, 0);
  filter.allow_where(SYS_tgkill, 0, ~0u, static_cast<std::uint32_t>(::getpid()));
  filter.allow_where(SYS_prctl, 0, ~0u, PR_SET_NO_NEW_PRIVS);
  filter.allow(SYS_seccomp);  // which can only take away
  if (opening) {
    for (const int call : kOpeningCalls) filter.allow(call);
    filter.allow_where(SYS_openat, 2, kWriting, O_RDONLY);
  }
  return filter.install(true);
}

bool stop_at_writes() {
  if (kArchitecture == 0) return false;
  Filter filter(SECCOMP_RET_ALLOW);
  for (const int call : kChanges) filter.answer(call, SECCOMP_RET_KILL_PROCESS);
  filter.answer_by(SYS_openat, 2, kWriting, O_RDONLY, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
#ifdef SYS_open
  filter.answer_by(SYS_open, 1, kWriting, O_RDONLY, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
#endif
  return filter.install(false);
}

bool stay_alone() {
  if (kArchitecture == 0) return false;
  Filter filter(SECCOMP_RET_ALLOW);
  for (const int call : kOfOthers) filter.answer(call, SECCOMP_RET_ERRNO | EPERM);
  // Its flags lie in memory, which no filter reads; the C library asks for clone instead.
  filter.answer(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
  filter.answer_by(SYS_clone, 0, CLONE_THREAD, CLONE_THREAD, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM);
  const auto self = static_cast<std::uint32_t>(::getpid());
  for (const int call : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo})
    filter.answer_by(call, 0, ~0u, self, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM);
  return filter.install(true);
}

std::string missing_from_box() {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  std::string missing;
  if (kArchitecture == 0 || ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0)
    missing = "filters of system calls (seccomp): a kernel's text that the gate lets through could use the system's";
  if (!has_landlock())
    missing += fmt::format("{}Landlock: what compilers and C functions that are tried read and write is not confined",
                           missing.empty() ? "" : "; and ");
  return missing;
}

}  // namespace ak
