// Sizes at which kernels that nobody has reviewed may be timed in this process.
#include <doctest/doctest.h>

#include "made.hpp"
#include "port/port.hpp"
#include "port/proof/gpu_proof.hpp"
#include "port/proof/size_proofs.hpp"

using namespace ak::port;

TEST_CASE("size proofs: the worker is given the call that is timed, and what C leaves of it; each size is proven by itself") {
  const made::Function function = made::halved();
  const ak::Deadline soon = ak::Deadline::in(30);
  Oracle oracle(function, std::nullopt, {}, soon);
  const Roles roles = roles_of(function);
  const Facts facts;
  SizeProofs proofs(function, roles, facts, oracle);
  const TimedSize small{{{"n", 1000}}, 1000, {}}, large{{{"n", 200000}}, 200000, {}};

  std::string why;
  const ProofSubject subject = read_proof_subject(proofs.subject(large, soon, why));
  CHECK(why == "");
  REQUIRE(subject.cases.size() == 1);
  const ProofCase& one = subject.cases[0];
  const Case timed = make_case(function, roles, facts, large.integers, large.recipe);
  CHECK(one.given.integers().at("n") == 200000);
  CHECK(one.given.memories == timed.memories);
  for (const std::int64_t i : {0, 199999}) CHECK(one.expected.c[0].get<float>(i) == timed.memories[1].get<float>(i + 1) * 0.5f);

  const Tried a, b;
  CHECK(!proofs.has(a, small));
  proofs.add(a, small);
  CHECK(proofs.has(a, small));
  CHECK(!proofs.has(a, large));
  CHECK(!proofs.has(b, small));

  CHECK(proofs.subject({{{"n", 1 << 30}}, 1 << 30, {}}, soon, why).empty());
  CHECK(why == "its arrays have 8192 MiB");
  CHECK(proofs.subject(large, ak::Deadline::in(0), why).empty());
  CHECK(why == "no time is left");
}
