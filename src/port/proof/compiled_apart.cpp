#include "port/proof/compiled_apart.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ak/types.hpp"
#include "port/candidates.hpp"
#include "worker/compiler_process.hpp"

namespace ak::port {

Compiled compile_apart(const std::string& text, const std::string& arch, const std::string& worker, const Deadline& deadline) {
  std::string looked;
  const std::string program = find_worker(worker, &looked);
  if (program.empty())
    throw Error(ErrorCode::unsupported, fmt::format("such a text is compiled in ak-worker, which is at none of {}", looked));
  const double seconds = deadline.remaining();
  CompilerProcess process(program, std::max(1.0, seconds));  // it serves nobody else
  Compiled compiled;
  try {
    compiled = compile_kernels(text, arch, process, deadline);
    if (compiled.cubin.empty() && deadline.passed())
      compiled.failure = fmt::format("it does not compile for the GPU within {:.2g} s", seconds);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::unsupported) throw;
    compiled.failure = error.what();
  }
  return compiled;
}

}  // namespace ak::port
