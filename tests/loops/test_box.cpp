// What kernel texts come to that do what the gate lets none of them do: as if it were not there.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "ak/types.hpp"
#include "base/box.hpp"
#include "base/sanitized.hpp"
#include "emulating.hpp"

using namespace ak;
using namespace ak::loop;

namespace {

std::string written() {
  return (std::filesystem::temp_directory_path() / fmt::format("ak-test-written-{}", ::getpid())).string();
}

std::string hostile_text() {
  return fmt::format(R"(
extern "C" {{
int open(const char*, int, ...); int socket(int, int, int); long syscall(long, ...); int execl(const char*, const char*, ...); int kill(int, int);
void* mmap(void*, unsigned long, int, int, int, long); long write(int, const void*, unsigned long); int setrlimit(int, void*);
}}
#define UNSEEN __attribute__((no_sanitize("thread"), no_sanitize("bounds"), no_sanitize("alignment")))
#define KERNEL(name) extern "C" __global__ UNSEEN void name(int* a)
KERNEL(reads) {{ a[0] = open("/etc/passwd", 0); }}
KERNEL(writes) {{ a[0] = open("{}", 0101, 0600); }}
KERNEL(connects) {{ a[0] = socket(1, 1, 0); }}
KERNEL(forks) {{ a[0] = (int)syscall({}, 17ul, 0ul, 0ul, 0ul, 0ul); }}
KERNEL(executes) {{ a[0] = execl("/bin/true", "true", (char*)0); }}
KERNEL(kills) {{ a[0] = kill(1, 9); }}
KERNEL(unlimits) {{ unsigned long most[2] = {{~0ul, ~0ul}}; a[0] = setrlimit(9, most); }}
KERNEL(maps) {{
  char* const memory = (char*)mmap(0, 64ul << 30, 3, 0x22, -1, 0);
  if (memory == (char*)-1) __builtin_trap();
  for (unsigned long i = 0; i < 64ul << 30; i += 4096) memory[i] = 1;
}}
KERNEL(waits) {{ {} }}
KERNEL(faults) {{ *(volatile int*)8 = a[0]; }}
UNSEEN __noinline__ int deeper(int n) {{ volatile int room[4096]; room[n & 4095] = n; return deeper(n + 1) + room[n & 4095]; }}
KERNEL(descends) {{ a[0] = deeper(0); }}
static const char zeros[65536] = {{}};
KERNEL(speaks) {{ for (int i = 0; i < 16384; ++i) write(1, zeros, sizeof zeros); a[0] = 7; }}
KERNEL(answers) {{ for (int i = 0; i < 16384; ++i) write(3, "zzzzzzzz", 8); }}
KERNEL(well) {{ a[0] = 7; }}
)",
                     written(), SYS_clone,
#if defined(__x86_64__)
                     R"(asm volatile("1: jmp 1b");)"
#else
                     R"(asm volatile("1: b 1b");)"
#endif
  );
}

}  // namespace

TEST_CASE("box: what a kernel does that passed no gate ends by its deadline, is named, and harms nobody") {
  if (!missing_from_box().empty()) return;
  struct Row {
    const char* kernel;
    FaultKind kind;
    const char* why;
  };
  const char* const kSystem = "a call of the system, which kernels have not";
  const Row rows[] = {{"reads", FaultKind::crash, kSystem},
                      {"writes", FaultKind::crash, kSystem},
                      {"connects", FaultKind::crash, kSystem},
                      {"forks", FaultKind::crash, kSystem},
                      {"executes", FaultKind::crash, kSystem},
                      {"kills", FaultKind::crash, kSystem},
                      {"unlimits", FaultKind::crash, kSystem},
                      {"maps", FaultKind::crash, ""},
                      {"waits", FaultKind::steps, "a loop that can never end"},
                      {"faults", FaultKind::crash, ""},
                      {"descends", FaultKind::crash, ""},
                      {"answers", FaultKind::crash, "its process ended, or gave an answer that is none"}};
  std::vector<std::string> kernels{"well", "speaks"};
  for (const Row& row : rows) kernels.push_back(row.kernel);
  Emulator emulator(hostile_text(), kernels, emulator_options());
  const auto run = [&](const std::string& kernel, int& left) {
    std::vector<NamedValue> values = {{"a", std::vector<int>(1)}};
    EmulationRequest request;
    request.launches.push_back({kernel, 1, 1, 0, false});
    request.seconds = 1;
    give(request, values);
    const Emulation emulation = emulator.run(request);
    left = std::get<std::vector<int>>(values[0].value)[0];
    return emulation;
  };
  const auto begin = std::chrono::steady_clock::now();
  for (const Row& row : rows) {
    INFO(std::string(row.kernel));
    int left = 0;
    const Emulation emulation = run(row.kernel, left);
    REQUIRE(emulation.faults.size() == 1);
    const Fault& fault = emulation.faults[0];
    CHECK_MESSAGE(fault.kind == row.kind, fault.text);
    CHECK(fault.kernel == row.kernel);
    CHECK_MESSAGE(fault.text.find(row.why) != std::string::npos, fault.text);
    const Emulation after = run("well", left);
    CHECK_MESSAGE(after.ok(), text_of(after));
    CHECK(left == 7);
  }
  int left = 0;
  CHECK(run("speaks", left).ok());  // to nobody
  CHECK(left == 7);
  CHECK(!std::filesystem::exists(written()));
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 30);  // of deadlines of 1 s each
}

TEST_CASE("box: a compiler reads no file of people's, takes no memory and leaves nothing behind, and says why it ended") {
  if (!missing_from_box().empty()) return;
  const auto compile = [](const std::string& text) -> std::string {
    EmulatorOptions options = emulator_options();
    options.seconds = 10;
    try {
      Emulator(text, {"k"}, options);
      return "taken";
    } catch (const Error& error) {
      return error.what();
    }
  };
  const std::string kernel = "extern \"C\" __global__ void k(int* a) { a[0] = 1; }\n";
  std::ofstream(written()) << "a secret of mine";
  for (const std::string& file : {written(), std::string("/etc/passwd"), std::string("/proc/self/environ")}) {
    const std::string why = compile(fmt::format("#include \"{}\"\n{}", file, kernel));
    CHECK_MESSAGE(why.find("kernel:1:") != std::string::npos, why);
    CHECK_MESSAGE(why.find("ermission denied") != std::string::npos, why);
    CHECK_MESSAGE((why.find("secret") == std::string::npos && why.find("root:") == std::string::npos), why);
  }
  std::filesystem::remove(written());
  CHECK(compile("#include <stdio.h>\n" + kernel).find("stdio.h") != std::string::npos);
  const std::string most =
      compile("__shared__ char all[64ll << 30] = {1};\nextern \"C\" __global__ void k(int* a) { a[0] = all[a[0]]; }");
  CHECK_MESSAGE(most.find("the kernels are not compiled") != std::string::npos, most);
}

TEST_CASE("box: a process that stays alone has threads and files, and nobody else") {
  if (!missing_from_box().empty() || kSanitized) return;
  const pid_t child = ::fork();
  if (child == 0) {
    int wrong = 0;
    const auto denied = [&](long result) { wrong += !(result == -1 && errno == EPERM); };
    const auto fine = [&](bool well) { wrong += !well; };
    fine(stay_alone());
    denied(::fork());
    denied(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    denied(::execl("/bin/true", "true", nullptr));
    denied(::socket(AF_UNIX, SOCK_STREAM, 0));
    denied(::kill(::getppid(), 0));
    fine(::kill(::getpid(), 0) == 0);
    int seen = 0;
    std::thread([&] { seen = 1; }).join();
    fine(seen == 1);
    fine(::open("/dev/null", O_RDWR) >= 0);
    ::_exit(wrong);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
