// ak-worker with a second kind of work.
#include "vector_add.hpp"
#include "worker/gemm.hpp"
#include "worker/serve.hpp"

int main() {
  const vector_add::FakeKernels kernels;
  const ak::WorkKind kinds[] = {ak::gemm_kind(), vector_add::kind()};
  return ak::serve(3, kinds);
}
