// One thread runs everything, in C's order.
#include "port/templates/emit.hpp"

namespace ak::port {

std::vector<Stage> serial_stages(const Work& work) {
  Stage stage;
  stage.template_name = kSerial;
  stage.scratch = kept_scratch(work);
  Kernel kernel;
  kernel.threads = 32;
  kernel.blocks = loop::integer(1);
  kernel.body = "  if (threadIdx.x > 0) return;\n" + opening(work) + statements(work.body, 2) + closing(work, 2);
  stage.kernels.push_back(std::move(kernel));
  return {std::move(stage)};
}

}  // namespace ak::port
