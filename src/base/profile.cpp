#include "base/profile.hpp"

#include <nvtx3/nvToolsExt.h>

namespace ak {
namespace {

// Never destroyed: threads may be in a range while the process ends.
nvtxDomainHandle_t domain() {
  static const nvtxDomainHandle_t ak = nvtxDomainCreateA("ak");
  return ak;
}

}  // namespace

std::atomic<bool> ProfileRange::on_{false};

void ProfileRange::switch_to(bool on) {
  if (on) domain();
  on_.store(on, std::memory_order_relaxed);
}

void ProfileRange::begin(const std::string& name) {
  nvtxEventAttributes_t attributes{};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = name.c_str();
  nvtxDomainRangePushEx(domain(), &attributes);
}

void ProfileRange::end() { nvtxDomainRangePop(domain()); }

}  // namespace ak
