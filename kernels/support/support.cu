// Compiled at build time for every supported architecture, so that the vendor plan and the checks need no NVRTC.
#include "kernels/support/activation_kernels.cuh"
#include "kernels/support/reference.cuh"

#include "ak/activations.def"
