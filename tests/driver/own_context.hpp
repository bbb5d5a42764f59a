// A CUDA context that a test makes and ends.
#pragma once

#include "fake_driver.hpp"
#include "gpu/driver.hpp"

struct OwnContext {
  CUcontext handle = fake::make_context();
  OwnContext() { ak::driver().cuCtxPushCurrent(handle); }
  void end() {
    CUcontext popped;
    ak::driver().cuCtxPopCurrent(&popped);
    fake::end_context(handle);
  }
};
