#include "port/proof/emulated.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "ak/types.hpp"

namespace ak::port {

namespace {

constexpr int kMultiprocessors = 4;  // few, so that blocks of a grid barrier see each other's turns
constexpr std::int64_t kMostScratch = std::int64_t{1} << 30;

std::vector<std::string> kernel_names(const loop::Candidate& candidate) {
  std::vector<std::string> names;
  for (const loop::Launch& launch : candidate.launches)
    if (std::find(names.begin(), names.end(), launch.kernel) == names.end()) names.push_back(launch.kernel);
  return names;
}

Cause cause_of(loop::FaultKind kind) {
  switch (kind) {
    case loop::FaultKind::race:
    case loop::FaultKind::uninitialised:
      return Cause::race;
    case loop::FaultKind::out_of_bounds:
    case loop::FaultKind::misaligned:
      return Cause::bounds;
    case loop::FaultKind::divergence:
    case loop::FaultKind::deadlock:
      return Cause::divergence;
    case loop::FaultKind::steps:
      return Cause::steps;
    case loop::FaultKind::trap:
    case loop::FaultKind::crash:
      return Cause::fault;
  }
  return Cause::fault;
}

std::int64_t value_of(const loop::Term& term, const loop::Values& values, const std::string& what) {
  const auto value = loop::evaluate(term, values);
  if (!value) throw Error(ErrorCode::invalid_argument, fmt::format("{} '{}' has no value", what, c_text(term)));
  return *value;
}

}  // namespace

Emulated::Emulated(const loop::Candidate& candidate, const std::string& text, const loop::EmulatorOptions& options)
    : Emulated(candidate, std::make_shared<loop::Emulator>(text, kernel_names(candidate), options)) {}

Emulated::Emulated(const loop::Candidate& candidate, std::shared_ptr<loop::Emulator> object)
    : candidate_(candidate), object_(std::move(object)) {}

KernelRun Emulated::run(const Case& given, int order, double seconds) {
  loop::Values values = given.integers();
  values[loop::kSms] = kMultiprocessors;
  KernelRun run;
  run.left = given.memories;
  std::vector<std::vector<std::byte>> scratch;

  loop::EmulationRequest request;
  request.order = order == 0   ? loop::ThreadOrder::forward
                  : order == 1 ? loop::ThreadOrder::reverse
                               : loop::ThreadOrder::shuffled;
  request.seed = static_cast<std::uint64_t>(order);
  request.seconds = seconds;
  for (std::size_t i = 0; i < run.left.size(); ++i)
    request.buffers.push_back(
        {element_name(given, static_cast<int>(i), 0), run.left[i].type, run.left[i].elements, run.left[i].first()});
  for (loop::EmulatedBuffer& buffer : request.buffers) buffer.name = buffer.name.substr(0, buffer.name.find('['));
  for (const Argument& argument : given.arguments)
    request.arguments.push_back(
        {argument.type, argument.pointer ? argument.memory : -1, argument.offset, argument.integer, argument.real});
  for (const loop::Scratch& each : candidate_.scratch) {
    const std::int64_t elements = std::max<std::int64_t>(0, value_of(each.elements, values, each.name + ": its length"));
    if (elements > kMostScratch / 8) return {Cause::fault, fmt::format("{} has {} elements", each.name, elements), {}};
    const std::byte fill = each.zeroed ? std::byte{0} : std::byte{0xa5};
    scratch.emplace_back(static_cast<std::size_t>(elements * size_of(each.type)), fill);
    request.arguments.push_back(loop::EmulatedArgument::pointer(static_cast<int>(request.buffers.size()), each.type));
    request.buffers.push_back({each.name, each.type, elements, scratch.back().data()});
  }
  for (const loop::Launch& launch : candidate_.launches)
    request.launches.push_back({launch.kernel, value_of(launch.blocks, values, launch.kernel + ": its blocks"), launch.threads,
                                launch.shared_bytes, launch.dependent});

  const loop::Emulation emulation = object_->run(request);
  if (!emulation.ok()) return {cause_of(emulation.faults[0].kind), emulation.faults[0].text, {}};
  return run;
}

}  // namespace ak::port
