#include "port/compiled_apart.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>

#include "ak/types.hpp"
#include "base/build.hpp"
#include "base/landlock.hpp"
#include "base/sanitized.hpp"
#include "cache/bytes.hpp"
#include "port/candidates.hpp"
#include "worker/process.hpp"

namespace ak::port {

namespace {

constexpr rlim_t kCompilerMemory = rlim_t{12} << 30;  // of addresses: NVRTC's own libraries are among them

void limit_to(__rlimit_resource resource, rlim_t most) {
  const rlimit limit{most, most};
  ::setrlimit(resource, &limit);
}

}  // namespace

Compiled compile_apart(const std::string& text, const std::string& arch, const std::string& worker, double seconds) {
  std::string looked;
  const std::string program = find_worker(worker, &looked);
  if (program.empty())
    throw Error(ErrorCode::unsupported, fmt::format("such a text is compiled in ak-worker, which is at none of {}", looked));
  const Deadline deadline = Deadline::in(seconds);
  WorkerProcess process(program, "", "--compile");
  ByteWriter writer;
  writer.put(std::string_view(text)), writer.put(std::string_view(arch)), writer.put(seconds);
  Compiled compiled;
  std::optional<std::string> frame;
  if (process.channel().send(writer.bytes(), deadline)) frame = process.channel().receive(deadline);
  if (frame) {
    ByteReader reader(*frame);
    compiled.cubin = reader.text(), compiled.log = reader.text(), compiled.failure = reader.text();
    if (reader.ok() && reader.done()) return compiled;
  }
  compiled = {};
  compiled.failure = deadline.passed() ? fmt::format("it does not compile for the GPU within {:.2g} s", seconds)
                                       : std::string("it ends the compiler: it may take more memory than there is");
  return compiled;
}

int serve_compilation(int socket) {
  Channel channel{Descriptor(socket)};
  Hello hello;
  hello.build = build_digest();
  if (!channel.send(encode(hello), Deadline::never())) return 1;
  const auto frame = channel.receive(Deadline::never());
  if (!frame) return 0;
  ByteReader reader(*frame);
  const std::string text(reader.text()), arch(reader.text());
  const double seconds = reader.real();
  if (!reader.ok() || !(seconds < 1e6)) return 1;
  // Without the host it is nobody's; a processor's seconds are no more than those of all threads.
  limit_to(RLIMIT_CPU, static_cast<rlim_t>(std::ceil(std::max(1.0, seconds))) + 1);
  limit_to(RLIMIT_CORE, 0), limit_to(RLIMIT_FSIZE, 0);
  if (!kSanitized) limit_to(RLIMIT_AS, kCompilerMemory), restrict_files({.write = {}, .read = {}});
  Compiled compiled;
  try {
    compiled = compile_kernels(text, arch);
  } catch (const std::exception& error) {
    compiled.failure = error.what();
  }
  ByteWriter writer;
  writer.put(std::string_view(compiled.cubin)), writer.put(std::string_view(compiled.log));
  writer.put(std::string_view(compiled.failure));
  return channel.send(writer.bytes(), Deadline::never()) ? 0 : 1;
}

}  // namespace ak::port
