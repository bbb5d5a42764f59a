#include <fmt/format.h>

#include "ak/types.hpp"
#include "families/family.hpp"

namespace ak {

std::span<const Family* const> families() {
  static const auto& all = *new std::vector<const Family*>{
#define AK_FAMILY(name) &name##_family(),
#include "core/families.def"
#undef AK_FAMILY
  };
  return all;  // never destroyed: a thread may still search while the process ends
}

const Family* find_family(FamilyId id) {
  for (const Family* candidate : families())
    if (candidate->id() == id) return candidate;
  return nullptr;
}

const Family& family(FamilyId id) {
  if (const Family* found = find_family(id)) return *found;
  throw Error(ErrorCode::internal, fmt::format("'{}' is not an own kernel family", name(id)));
}

}  // namespace ak
