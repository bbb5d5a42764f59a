#include "port/c/c_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "ak/types.hpp"
#include "base/child.hpp"
#include "base/compiler_flags.hpp"
#include "base/environment.hpp"
#include "base/file_size.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "port/c/confined.hpp"

namespace ak::port {

namespace fs = std::filesystem;

namespace {

constexpr int kSocket = 3, kMemory = 4;
constexpr std::size_t kMostArguments = 512;
constexpr std::size_t kAlignment = 256;

/// What answers the host. Names of the C library stand in labels: the text before it may have any of its headers, or none.
constexpr const char* kServer = R"(
extern long ak_read(int, void*, unsigned long) __asm__("read");
extern long ak_write(int, const void*, unsigned long) __asm__("write");
extern void* ak_mmap(void*, unsigned long, int, int, int, long) __asm__("mmap");
extern int ak_munmap(void*, unsigned long) __asm__("munmap");
extern int ak_setrlimit(int, const unsigned long*) __asm__("setrlimit");
static int ak_take(void* to, unsigned long bytes) {
  char* at = to;
  while (bytes > 0) {
    long got = ak_read(3, at, bytes);
    if (got <= 0) return 0;
    at += got, bytes -= got;
  }
  return 1;
}
int main(void) {
  static unsigned long long request[2 + 512];
  static void* args[512];
  unsigned long none[2] = {0, 0};
  unsigned size;
  ak_setrlimit(4, none);  /* no core file */
  while (ak_take(&size, 4) && size <= sizeof request && ak_take(request, size)) {
    char* memory = ak_mmap(0, request[1], 3, 1, 4, 0);
    unsigned i;
    if (memory == (char*)-1) return 1;
    for (i = 0; i < size / 8 - 2; ++i) args[i] = memory + request[2 + i];
    ak_entries[request[0]](args);
    ak_munmap(memory, request[1]);
    if (ak_write(3, "\1\0\0\0k", 5) != 5) return 1;
  }
  return 0;
}
)";

std::string whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The flags that are of no use, or do harm, to a text that is preprocessed.
std::vector<std::string> without_preprocessor(const std::vector<std::string>& flags) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const std::string& flag = flags[i];
    const auto is = [&](std::string_view name) { return flag == name; };
    if (is("-I") || is("-D") || is("-U") || is("-include") || is("-imacros") || is("-isystem") || is("-iquote") ||
        is("-idirafter"))
      ++i;  // its argument is a word of its own
    else if (!flag.starts_with("-I") && !flag.starts_with("-D") && !flag.starts_with("-U"))
      kept.push_back(flag);
  }
  return kept;
}

/// The compiler's end. Throws unless `result` is there.
void await_compiler(Run& compiler, double seconds, Deadline deadline, const std::string& result) {
  const double given = std::min(seconds, deadline.remaining());
  const auto status = compiler.wait(deadline.sooner(seconds));
  if (!status) throw Error(code_of_late(deadline), fmt::format("the C compiler did not end in time ({:.2g} s)", given));
  if (*status == 0 || (*status == -1 && fs::exists(result))) return;
  const std::string output = compiler.output();
  std::string_view first;
  for (const std::string_view line : split(output, '\n')) {
    if (first.empty() || (first.find("error") == first.npos && line.find("error") != line.npos)) first = line;
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("the C compiler refuses the text: {}",
                                                       first.empty() ? ending(*status) : printable(first.substr(0, 500))));
}

}  // namespace

ErrorCode code_of_late(const Deadline& deadline) {
  return deadline.passed() ? ErrorCode::unsupported : ErrorCode::invalid_argument;
}

std::string find_compiler(const std::string& chosen) {
  std::vector<std::string> names{"cc", "gcc", "clang"};
  if (!chosen.empty()) names = {chosen};
  for (const std::string& name : names)
    if (std::string file = on_path(name); !file.empty()) return file;
  if (!chosen.empty())
    throw Error(ErrorCode::unsupported, fmt::format("the C compiler '{}' is not there: name another with AK_CC", chosen));
  throw Error(
      ErrorCode::unsupported,
      "no C compiler, which a loop's proof needs: none of cc, gcc, clang is on PATH; install one or name it with AK_CC");
}

std::vector<std::string> c_flags(const CompilerOptions& options) {
  std::vector<std::string> all = options.optimize.before;
  for (std::string& flag : without_preprocessor(flags_of_meaning(options.flags))) all.push_back(std::move(flag));
  all.insert(all.end(), options.optimize.behind.begin(), options.optimize.behind.end());
  return all;
}

std::string preprocessed(const Source& source, const CompilerOptions& options, Deadline deadline) {
  const TemporaryFolder folder("ak-oracle");
  const std::string input = folder.path() + "/source.c", output = folder.path() + "/source.i";
  const std::string shown = source.file.empty() ? "source.c" : source.file;
  std::string quoted;
  for (const char c : shown) quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  std::string_view text = source.text;
  if (constexpr std::string_view kMark = "\xef\xbb\xbf"; text.starts_with(kMark)) text.remove_prefix(kMark.size());
  folder.write("source.c", fmt::format("#line 1 \"{}\"\n{}\n", quoted, text));
  std::vector<std::string> command{find_compiler(options.compiler), "-E", "-O2"};
  if (const std::string beside = fs::path(source.file).parent_path().string(); !source.file.empty())
    command.insert(command.end(), {"-iquote", beside.empty() ? "." : beside});
  const std::vector<std::string> flags = flags_of_meaning(options.flags);
  command.insert(command.end(), flags.begin(), flags.end());
  command.insert(command.end(), {"-x", "c", input, "-o", output});
  Run compiler(command, Run::Errors::with_output, {}, compiler_box(folder.path()));
  await_compiler(compiler, options.seconds, deadline, output);
  return whole_file(output);
}

CProgram::CProgram(const std::string& text, int entries, const CompilerOptions& options, const std::string& beside)
    : compile_seconds_(options.seconds) {
  const std::string path = folder_.path() + "/oracle", input = path + ".c";
  std::string names;
  for (int i = 0; i < entries; ++i) names += fmt::format("ak_entry_{}, ", i);
  folder_.write("oracle.c", fmt::format("{}\nstatic void (*const ak_entries[])(void**) = {{{}}};\n{}", text, names, kServer));
  // What the function does not call need not be there; what it does, and is not there, is at address 0.
  const std::vector<std::string> links{"-no-pie", "-Wl,--gc-sections,--unresolved-symbols=ignore-all", "-lm"};
  const std::string compiler = find_compiler(options.compiler);
  std::vector<std::string> command{compiler};
  for (std::string& flag : c_flags(options)) command.push_back(std::move(flag));
  command.insert(command.end(), {"-w", "-x", "c", input, "-fno-pie", "-ffunction-sections", "-fdata-sections"});
  if (beside.empty()) {
    command.insert(command.end(), {"-o", path});
    command.insert(command.end(), links.begin(), links.end());
  } else {
    command.insert(command.end(), {"-c", "-o", path + ".o"});
    folder_.write("oracle_beside.c", beside);
    linker_ = {compiler, "-O0", "-w", "-fno-pie", path + "_beside.c", path + ".o", "-o", path};
    linker_.insert(linker_.end(), links.begin(), links.end());
  }
  memory_ = Descriptor(::memfd_create("oracle", MFD_CLOEXEC));
  if (!memory_) throw Error(ErrorCode::unsupported, fmt::format("no shared memory: {}", std::strerror(errno)));
  compiler_ = std::make_unique<Run>(command, Run::Errors::with_output, std::string_view(), compiler_box(folder_.path()));
}

void CProgram::await(Deadline deadline) {
  if (failure_) throw Error(*failure_);
  if (!compiler_) return;
  const std::string path = folder_.path() + "/oracle";
  const std::unique_ptr<Run> compiler = std::move(compiler_);
  try {
    await_compiler(*compiler, compile_seconds_, deadline, linker_.empty() ? path : path + ".o");
    if (linker_.empty()) return;
    Run linker(linker_, Run::Errors::with_output, {}, compiler_box(folder_.path()));
    await_compiler(linker, compile_seconds_, deadline, path);
  } catch (const Error& error) {
    throw failure_.emplace(error);
  }
}

CProgram::~CProgram() {
  compiler_.reset();
  child_.reset();
}

void CProgram::start() {
  auto [ours, theirs] = socket_pair();
  child_ = std::make_unique<Child>(std::vector<std::string>{folder_.path() + "/oracle"},
                                   std::vector<std::pair<int, int>>{{theirs.get(), kSocket}, {memory_.get(), kMemory}},
                                   program_box());
  channel_ = Channel(std::move(ours));
}

void CProgram::call(int entry, const std::vector<Block>& blocks, Deadline deadline) {
  if (blocks.size() > kMostArguments) throw Error(ErrorCode::unsupported, "a function of more than 512 arguments");
  std::map<const void*, std::size_t> placed;
  std::size_t all = kAlignment;
  for (const Block& block : blocks)
    if (placed.emplace(block.data, all).second) all += (block.bytes + kAlignment - 1) / kAlignment * kAlignment;
  const NoFileSizeSignal no_signal;
  if (::ftruncate(memory_.get(), static_cast<off_t>(all)))
    throw Error(ErrorCode::unsupported, fmt::format("no shared memory: {}", std::strerror(errno)));
  std::vector<std::uint64_t> request{static_cast<std::uint64_t>(entry), all};
  for (const Block& block : blocks) request.push_back(placed[block.data] + block.begin);
  void* const mapped = ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (mapped == MAP_FAILED) throw Error(ErrorCode::unsupported, fmt::format("no shared memory: {}", std::strerror(errno)));
  struct Mapping {
    void* at;
    std::size_t bytes;
    ~Mapping() { ::munmap(at, bytes); }
  } const mapping{mapped, all};
  char* const memory = static_cast<char*>(mapped);
  for (const Block& block : blocks) std::memcpy(memory + placed[block.data], block.data, block.bytes);

  if (!child_) start();
  const std::string_view frame(reinterpret_cast<const char*>(request.data()), request.size() * sizeof(std::uint64_t));
  if (!channel_.send(frame, deadline) || !channel_.receive(deadline)) {
    const auto status = channel_.closed() && !deadline.passed() ? child_->wait(Deadline::in(1)) : std::nullopt;
    child_.reset();
    if (status) throw Ended{ending(*status)};
    throw TimedOut{};
  }
  for (const Block& block : blocks) std::memcpy(block.data, memory + placed[block.data], block.bytes);
}

}  // namespace ak::port
