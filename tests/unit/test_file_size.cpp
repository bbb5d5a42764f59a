// A limit on a file's size (`ulimit -f`) ends no process that the library is in: what it writes fails by name.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <string>

#include "ak/types.hpp"
#include "base/atomic_file.hpp"
#include "base/child.hpp"
#include "base/temporary_folder.hpp"
#include "child_process.hpp"

using namespace ak;
using namespace ak::testing;

TEST_CASE("a text that is too large for this process's files is refused by name, and ends nobody") {
  const auto named = [](const auto& writes) {
    try {
      writes();
    } catch (const Error& error) {
      return std::string(error.what()).find("File too large (ulimit -f)") != std::string::npos;
    }
    return false;
  };
  ChildProcess child([&](ChildProcess& self) {
    const TemporaryFolder folder("ak-test-size");
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);  // SIGXFSZ ends the process
    const std::string text(5000, 'x');
    int right = 0;
    right += named([&] { folder.write("large", text); });
    right += named([&] { Run({"/bin/cat"}, Run::Errors::with_output, text); });
    right += write_atomically(folder.path() + "/atomic", text) == "File too large";
    Run small({"/bin/cat"}, Run::Errors::with_output, "a text");
    right += small.wait(Deadline::in(60)) == 0 && small.output() == "a text";
    Run writer({"/bin/sh", "-c", "head -c 5000 /dev/zero"}, Run::Errors::with_output);
    const auto status = writer.wait(Deadline::in(60));
    right += status && *status != 0;
    self.say(std::to_string(right));
  });
  CHECK(child.text() == "5");
  CHECK(ending(SIGXFSZ) == "its limit of a file's size (ulimit -f)");
}
