#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "ak/types.hpp"
#include "base/file_size.hpp"
#include "base/temporary_folder.hpp"
#include "emulate/compile_kernels.hpp"
#include "emulate/emulate.hpp"
#include "emulate/emulate_messages.hpp"
#include "worker/process.hpp"

namespace ak::loop {
namespace {

constexpr std::int64_t kGranule = 1 << 16;  // at which arrays begin
constexpr std::int64_t kMostBytes = std::int64_t{4} << 30;
constexpr std::int64_t kUsualBytes = std::int64_t{64} << 20;  // of arrays: a process is given memory for these, or for more
constexpr double kPatience = 10;  // seconds for what takes milliseconds

std::int64_t round_up(std::int64_t bytes) { return (bytes + kGranule - 1) / kGranule * kGranule; }

bool send_memory(int socket, int memory) {
  char byte = 1;
  iovec piece{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &memory, sizeof memory);
  ssize_t sent;
  while ((sent = ::sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
  }
  return sent == 1;
}

}  // namespace

const char* name(FaultKind kind) {
  constexpr const char* kNames[] = {
      "race", "out of bounds", "misaligned", "not initialised", "divergence", "deadlock", "steps exceeded", "trap", "crash"};
  return kNames[static_cast<int>(kind)];
}

struct Emulator::Impl {
  std::string program;
  TemporaryFolder folder{"ak-emulate"};
  Descriptor memory;
  unsigned char* mapped = nullptr;
  std::int64_t mapped_bytes = 0, loaded_for = 0;
  std::optional<WorkerProcess> process;

  ~Impl() {
    if (mapped) ::munmap(mapped, static_cast<std::size_t>(mapped_bytes));
  }

  void begin() {
    process.emplace(program, "", "--emulate");
    if (!send_memory(process->channel().socket(), memory.get())) {
      process.reset();
      throw Error(ErrorCode::unsupported, "the emulator's process ended before it was given its memory");
    }
  }

  // nullopt: it ended, or has not answered by then, and is no more.
  std::optional<EmulateReply> ask(const EmulateMessage& message, double seconds) {
    const Deadline deadline = Deadline::in(seconds);
    std::optional<EmulateReply> reply;
    if (process->channel().send(encode(message), deadline))
      if (const auto frame = process->channel().receive(deadline)) reply = decode_emulate_reply(*frame);
    if (!reply) process.reset();
    return reply;
  }

  // For runs with arrays of so many bytes.
  void load(std::int64_t bytes) {
    EmulateMessage message;
    message.kind = EmulateMessage::Kind::load, message.folder = folder.path();
    message.shared_bytes = loaded_for = std::max(bytes, kUsualBytes);
    const auto reply = ask(message, kPatience);
    if (!reply) throw Error(ErrorCode::invalid_argument, "the kernels' object ends the process that opens it");
    if (!reply->refused.empty()) throw Error(ErrorCode::invalid_argument, reply->refused);
  }

  void map(std::int64_t bytes) {
    if (bytes <= mapped_bytes) return;
    if (mapped) ::munmap(mapped, static_cast<std::size_t>(mapped_bytes));
    mapped = nullptr, mapped_bytes = 0;
    void* at = MAP_FAILED;
    const NoFileSizeSignal no_signal;
    if (::ftruncate(memory.get(), bytes) == 0)
      at = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
    if (at == MAP_FAILED)
      throw Error(ErrorCode::out_of_memory, fmt::format("no memory for {} bytes of arrays: {}", bytes, std::strerror(errno)));
    mapped = static_cast<unsigned char*>(at), mapped_bytes = bytes;
  }
};

Emulator::Emulator(const std::string& text, const std::vector<std::string>& kernels, const EmulatorOptions& options)
    : impl_(std::make_unique<Impl>()) {
  EmulateMessage message;
  message.kind = EmulateMessage::Kind::compile;
  message.compiler = find_compiler(options.compiler);
  message.folder = impl_->folder.path();
  std::string looked;
  impl_->program = find_worker(options.worker, &looked);
  if (impl_->program.empty())
    throw Error(ErrorCode::unsupported, fmt::format("the emulator runs in ak-worker, which is at none of {}", looked));
  impl_->memory = Descriptor(::memfd_create("ak-emulate", MFD_CLOEXEC));
  if (!impl_->memory) throw Error(ErrorCode::unsupported, fmt::format("no memory can be shared: {}", std::strerror(errno)));
  impl_->folder.write("kernels.cpp", kernels_source(text, kernels));
  impl_->folder.write("hooks.cpp", hooks_source());
  impl_->begin();
  const auto reply = impl_->ask(message, options.seconds);
  if (!reply)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the kernels are not compiled within {:.2g} s by '{}'", options.seconds, message.compiler));
  if (!reply->refused.empty()) throw Error(ErrorCode::invalid_argument, "the kernels are not compiled: " + reply->refused);
  impl_->load(0);
}

Emulator::~Emulator() = default;
Emulator::Emulator(Emulator&&) noexcept = default;
Emulator& Emulator::operator=(Emulator&&) noexcept = default;

Emulation Emulator::run(const EmulationRequest& request) {
  // Between two arrays there is room for the longest, so that a wrong index of up to twice a length finds none.
  EmulateMessage message;
  message.request = request;
  message.request.buffers.clear();
  std::int64_t longest = 0;
  for (const EmulatedBuffer& buffer : request.buffers) longest = std::max(longest, buffer.elements * size_of(buffer.type));
  const std::int64_t guard = round_up(longest) + kGranule;
  std::int64_t at = guard;
  for (const EmulatedBuffer& buffer : request.buffers) {
    if (buffer.elements < 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("buffer '{}' of {} elements", buffer.name, buffer.elements));
    message.buffers.push_back({buffer.name, buffer.type, at, buffer.elements});
    at += round_up(buffer.elements * size_of(buffer.type) + 1) + guard;
  }
  if (at > kMostBytes)
    throw Error(ErrorCode::invalid_argument, fmt::format("arrays of {} bytes are more than the emulator takes", at));
  message.shared_bytes = at;
  impl_->map(at);
  const auto each = [&](auto&& copy) {
    for (std::size_t b = 0; b < request.buffers.size(); ++b) {
      const EmulatedBuffer& buffer = request.buffers[b];
      if (buffer.elements > 0)
        copy(buffer.data, impl_->mapped + message.buffers[b].offset,
             static_cast<std::size_t>(buffer.elements * size_of(buffer.type)));
    }
  };
  each([](void* data, unsigned char* mapped, std::size_t bytes) { std::memcpy(mapped, data, bytes); });
  if (at > impl_->loaded_for) impl_->process.reset();
  if (!impl_->process) impl_->begin(), impl_->load(at);
  const Deadline deadline = Deadline::in(request.seconds);
  const auto reply = impl_->ask(message, request.seconds);
  each([](void* data, unsigned char* mapped, std::size_t bytes) { std::memcpy(data, mapped, bytes); });
  if (!reply) {
    Emulation ended;
    Fault& fault = ended.faults.emplace_back();
    fault.kernel = request.launches.empty() ? "" : request.launches.front().kernel;
    fault.kind = deadline.passed() ? FaultKind::steps : FaultKind::crash;
    const std::string what = deadline.passed() ? fmt::format("not ended after {} s", request.seconds)
                                               : std::string("its process ended, or gave an answer that is none");
    fault.text = fmt::format("{}: kernel {}: {}", name(fault.kind), fault.kernel, what);
    return ended;
  }
  if (!reply->refused.empty()) throw Error(ErrorCode::invalid_argument, reply->refused);
  // What a crash left of the process is not to be trusted.
  if (std::any_of(reply->emulation.faults.begin(), reply->emulation.faults.end(),
                  [](const Fault& one) { return one.kind == FaultKind::crash; }))
    impl_->process.reset();
  return reply->emulation;
}

}  // namespace ak::loop
