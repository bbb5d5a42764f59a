#include "port/proof/gpu_proof.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cache/bytes.hpp"
#include "loop/winner.hpp"
#include "plan/loop_plan.hpp"
#include "plan/resources.hpp"
#include "port/cases/case_on_device.hpp"

namespace ak::port {

namespace {

constexpr std::size_t kQuickCases = 4;
constexpr int kRepeats = 3;
constexpr std::uint32_t kMostMemories = 256, kMostCases = 100000;

void put(ByteWriter& to, const Memory& memory) {
  to.put(static_cast<std::uint8_t>(memory.type)), to.put(memory.elements);
  to.put(std::string_view(reinterpret_cast<const char*>(memory.bytes.data()), memory.bytes.size()));
}

Memory get_memory(ByteReader& from) {
  const auto type = from.get<std::uint8_t>();
  const auto elements = from.get<std::int64_t>();
  const std::string_view bytes = from.text();
  Memory memory;
  memory.type = static_cast<loop::ScalarType>(type), memory.elements = elements;
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  memory.bytes.assign(first, first + bytes.size());
  const bool fits = type >= 1 && type <= static_cast<int>(loop::ScalarType::i64) && elements >= 0 &&
                    elements < (std::int64_t{1} << 40) &&
                    static_cast<std::int64_t>(bytes.size()) >= elements * size_of(memory.type) + 2 * Memory::kGuardBytes;
  if (!fits) from.fail();
  return memory;
}

void put(ByteWriter& to, const std::vector<Memory>& memories) {
  to.put(static_cast<std::uint32_t>(memories.size()));
  for (const Memory& memory : memories) put(to, memory);
}

std::vector<Memory> get_memories(ByteReader& from) {
  const auto count = from.get<std::uint32_t>();
  std::vector<Memory> memories;
  if (count > kMostMemories) from.fail();
  for (std::uint32_t i = 0; from.ok() && i < count; ++i) memories.push_back(get_memory(from));
  return memories;
}

void put(ByteWriter& to, const Argument& argument) {
  to.put(std::string_view(argument.name)), to.put(static_cast<std::uint8_t>(argument.type));
  to.put(argument.pointer), to.put(argument.constant), to.put(argument.memory), to.put(argument.offset);
  to.put(argument.elements), to.put(argument.integer), to.put(argument.real);
}

Argument get_argument(ByteReader& from) {
  Argument argument;
  argument.name = from.text();
  const auto type = from.get<std::uint8_t>();
  if (type > static_cast<int>(loop::ScalarType::i64)) from.fail();
  argument.type = static_cast<loop::ScalarType>(type);
  argument.pointer = from.flag(), argument.constant = from.flag(), argument.memory = from.get<int>();
  argument.offset = from.get<std::int64_t>(), argument.elements = from.get<std::int64_t>();
  argument.integer = from.get<std::int64_t>(), argument.real = from.real();
  return argument;
}

}  // namespace

std::string proof_subject(const loop::Function& function, const std::vector<ProofCase>& cases) {
  ByteWriter to;
  to.put(std::string_view(write_json(loop::KnownSource{{}, function, {}, {}, {}})));
  to.put(static_cast<std::uint32_t>(cases.size()));
  for (const ProofCase& each : cases) {
    to.put(std::string_view(each.given.name));
    to.put(static_cast<std::uint32_t>(each.given.arguments.size()));
    for (const Argument& argument : each.given.arguments) put(to, argument);
    put(to, each.given.memories), put(to, each.expected.c), put(to, each.expected.in_double);
  }
  return to.bytes();
}

ProofSubject read_proof_subject(std::string_view bytes) {
  ByteReader from(bytes);
  ProofSubject subject;
  subject.function = loop::read_known_source(from.text()).function;
  const auto count = from.get<std::uint32_t>();
  for (std::uint32_t i = 0; from.ok() && i < count && i < kMostCases; ++i) {
    ProofCase& each = subject.cases.emplace_back();
    each.given.name = from.text();
    const auto arguments = from.get<std::uint32_t>();
    for (std::uint32_t j = 0; from.ok() && j < arguments; ++j) each.given.arguments.push_back(get_argument(from));
    each.given.memories = get_memories(from), each.expected.c = get_memories(from),
    each.expected.in_double = get_memories(from);
    const auto memories = each.given.memories.size();
    for (const Argument& argument : each.given.arguments)
      if (argument.pointer && (argument.memory < 0 || static_cast<std::size_t>(argument.memory) >= memories)) from.fail();
    if (each.expected.c.size() != memories || each.expected.in_double.size() != memories) from.fail();
  }
  if (!from.ok() || !from.done()) throw Error(ErrorCode::invalid_argument, "a loop's cases are damaged");
  return subject;
}

namespace {

class Session final : public ProofSession {
 public:
  explicit Session(const std::string& subject) : subject_(read_proof_subject(subject)) {}

  Proven prove(const ProofRequest& request, Deadline deadline) override {
    const loop::Candidate candidate = loop::read_candidate(request.launch);
    const LoopPlan plan(resources(), request.image.data(), subject_.function, candidate);
    const bool quick = request.effort == Effort::quick;
    std::size_t left = quick ? kQuickCases : subject_.cases.size();
    for (const ProofCase& each : subject_.cases) {
      if (left-- == 0) break;
      prove(plan, candidate.same_bits, each, quick ? 1 : kRepeats, deadline);
    }
    return {};
  }
  GpuQueue& queue() override { return queue_; }
  Clock::time_point launched() const override { return launched_; }

 private:
  void prove(const LoopPlan& plan, bool same_bits, const ProofCase& each, int repeats, Deadline deadline) {
    const CaseOnDevice on(each.given);
    std::vector<Memory> first;
    for (int repeat = 0; repeat < repeats; ++repeat) {
      on.upload();
      launched_ = Clock::now();
      if (!plan.try_launch(queue_.stream(), on.arguments()))
        throw Error(ErrorCode::out_of_memory, "no scratch memory for a kernel's proof");
      queue_.wait(deadline);
      std::vector<Memory> got = each.given.memories;
      for (std::size_t i = 0; i < got.size(); ++i) on.download(i, got[i]);
      if (repeat > 0 && got == first) continue;  // to the last guard
      const Judgement judgement = judge(each.given, each.expected, got, same_bits);
      if (!judgement.right()) {
        bool strays = false;
        for (const Memory& memory : got) strays |= !memory.guards_intact();
        throw Failed{Outcome::incorrect, fmt::format("{}: {}", each.given.name, judgement.fault), strays};
      }
      if (repeat == 0)
        first = std::move(got);
      else if (const auto other = differs(each.given, first, got))
        throw Failed{Outcome::incorrect, fmt::format("{}: a second run leaves other bits: {}", each.given.name, *other)};
    }
  }

  const ProofSubject subject_;
  GpuQueue queue_;
  Clock::time_point launched_;
};

}  // namespace

WorkKind loop_kind() {
  return {loop::kLoop, [](const std::string& subject, const Allowance&) -> std::unique_ptr<ProofSession> {
            return std::make_unique<Session>(subject);
          }};
}

}  // namespace ak::port
