#include "port/proof/size_proofs.hpp"

#include <fmt/format.h>

#include "ak/types.hpp"
#include "port/proof/gpu_proof.hpp"

namespace ak::port {

namespace {

constexpr double kMostSentBytes = 256 << 20;  // of the arrays, of which a subject has three

}  // namespace

std::string SizeProofs::subject(const TimedSize& size, Deadline deadline, std::string& why) {
  if (const double bytes = array_bytes(function_, size.integers); bytes > kMostSentBytes) {
    why = fmt::format("its arrays have {:.0f} MiB", bytes / (1 << 20));
    return {};
  }
  if (deadline.passed()) {
    why = "no time is left";
    return {};
  }
  try {
    ProofCase one{make_case(function_, roles_, facts_, size.integers, size.recipe), {}};
    one.expected = oracle_.run(one.given, deadline);
    return proof_subject(function_, {one});
  } catch (const Unfit& unfit) {
    why = "the C function ends the program there";
  } catch (const Error& error) {
    why = error.what();
  }
  return {};
}

std::string SizeProofs::text_of(const TimedSize& size) {
  std::string all;
  for (const auto& [name, value] : size.integers) all += fmt::format("{}={} ", name, value);
  return all;
}

}  // namespace ak::port
