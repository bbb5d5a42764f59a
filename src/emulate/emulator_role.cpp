#include "emulate/emulator_role.hpp"

#include <fmt/format.h>
#include <link.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/box.hpp"
#include "base/build.hpp"
#include "base/environment.hpp"
#include "base/landlock.hpp"
#include "base/sanitized.hpp"
#include "base/text.hpp"
#include "base/thread.hpp"
#include "emulate/compile_kernels.hpp"
#include "emulate/grid.hpp"
#include "worker/channel.hpp"
#include "worker/messages.hpp"

namespace ak::loop {
namespace {

// Where the loader looks, and where what is loaded came from.
std::vector<std::string> library_folders() {
  std::vector<std::string> folders{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* all) {
        if (info->dlpi_name && info->dlpi_name[0] == '/')
          static_cast<std::vector<std::string>*>(all)->push_back(std::filesystem::path(info->dlpi_name).parent_path().string());
        return 0;
      },
      &folders);
  return folders;
}

// Of what a compiler may read everything but people's own files and what the system says of itself: no text that it is given
// includes them, and no message of its quotes them. A compiler among people's own files has its installation.
std::vector<std::string> compiler_folders(const EmulateMessage& message) {
  std::vector<std::string> folders{message.folder, "/etc/ld.so.cache", "/etc/alternatives"};
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/", none)) {
    constexpr std::string_view kPrivate[] = {"home", "root", "etc", "var", "tmp", "proc", "sys", "run", "srv", "mnt", "media"};
    if (std::ranges::find(kPrivate, entry.path().filename().string()) == std::end(kPrivate))
      folders.push_back(entry.path().string());
  }
  const std::string path = environment("PATH");
  for (const std::string_view word : ak::words(message.compiler))
    for (const std::string_view folder : split(word.starts_with('/') ? std::string_view("/") : std::string_view(path), ':')) {
      const auto program = std::filesystem::canonical(std::filesystem::path(folder) / word, none);
      if (!none && program.has_parent_path() && program.parent_path().parent_path() != "/")
        folders.push_back(program.parent_path().parent_path().string());
    }
  return folders;
}

// What runs with so much shared memory take: it, a shadow of it, stacks of all threads; and what a process has anyway.
void limit_memory(std::int64_t shared_bytes) {
  const rlim_t most = (rlim_t{6} << 30) + 16 * static_cast<rlim_t>(shared_bytes);
  const rlimit limit{most, most};
  ::setrlimit(RLIMIT_AS, &limit);
}

// Where memory ends this process does first.
void offer_to_be_ended() { std::ofstream("/proc/self/oom_score_adj") << 1000; }

Descriptor receive_memory(int socket) {
  char byte = 0;
  iovec piece{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  ssize_t got;
  while ((got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  const cmsghdr* const header = got == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (!header || header->cmsg_type != SCM_RIGHTS) return Descriptor();
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return Descriptor(fd);
}

class Role {
 public:
  Role(Channel& channel, Descriptor memory) : channel_(channel), memory_(std::move(memory)) {}

  int run() {
    for (;;) {
      const auto frame = channel_.receive(Deadline::never());
      if (!frame) return 0;
      const auto message = decode_emulate_message(*frame);
      if (!message) return 1;
      EmulateReply reply;
      try {
        answer(*message, reply);
      } catch (const std::exception& error) {
        reply.refused = error.what();
      }
      if (!channel_.send(encode(reply), Deadline::never())) return 0;
    }
  }

 private:
  void answer(const EmulateMessage& message, EmulateReply& reply) {
    switch (message.kind) {
      case EmulateMessage::Kind::compile:
        if (!kSanitized) restrict_files({.write = {message.folder}, .read = compiler_folders(message)});
        reply.refused = compile_kernels(message.folder, message.compiler);
        break;
      case EmulateMessage::Kind::load:
        if (!kSanitized) {  // its constructors run when it is opened
          limit_memory(message.shared_bytes);
          std::vector<std::string> read = library_folders();
          read.push_back(message.folder);
          restrict_files({.write = {}, .read = std::move(read)});
          restrict_system_calls(true);
        }
        object_.emplace(message.folder + "/object.so");
        grid_.emplace(*object_);
        if (!kSanitized) restrict_system_calls(false);
        break;
      case EmulateMessage::Kind::run:
        map(message.shared_bytes);
        reply.emulation = grid_.value().run(message, mapped_);
        break;
    }
  }

  void map(std::int64_t bytes) {
    if (bytes <= mapped_bytes_) return;
    if (mapped_) ::munmap(mapped_, static_cast<std::size_t>(mapped_bytes_));
    mapped_ = nullptr, mapped_bytes_ = 0;
    void* const at = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    mapped_ = static_cast<unsigned char*>(at), mapped_bytes_ = bytes;
  }

  Channel& channel_;
  Descriptor memory_;
  unsigned char* mapped_ = nullptr;
  std::int64_t mapped_bytes_ = 0;
  std::optional<KernelObject> object_;
  std::optional<Grid> grid_;
};

}  // namespace

int serve_emulation(int socket) {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit none{0, 0}, file{rlim_t{256} << 20, rlim_t{256} << 20};
  ::setrlimit(RLIMIT_CORE, &none), ::setrlimit(RLIMIT_FSIZE, &file);
  offer_to_be_ended();
  // A kernel may run for ever; without the host it is nobody's.
  start_thread([socket] {
    pollfd host{socket, POLLRDHUP, 0};
    while (::poll(&host, 1, -1) < 0 && errno == EINTR) {
    }
    ::kill(0, SIGKILL);  // with a compiler that it may have started: it leads its group
  }).detach();
  Channel channel{Descriptor(socket)};
  Hello hello;
  hello.build = build_digest();
  if (!channel.send(encode(hello), Deadline::never())) return 1;
  Descriptor shared = receive_memory(socket);
  return shared ? Role(channel, std::move(shared)).run() : 1;
}

}  // namespace ak::loop
