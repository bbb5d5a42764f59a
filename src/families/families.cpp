#include <fmt/format.h>

#include "ak/types.hpp"
#include "families/family.hpp"
#include "families/skinny.hpp"
#include "families/sm80.hpp"
#include "families/sm90.hpp"

namespace ak {

// One line a family.

std::span<const Family* const> families() {
  static const std::vector<const Family*> all = {&sm90_family(), &sm80_family(), &skinny_family()};
  return all;
}

const Family& family(FamilyId id) {
  for (const Family* candidate : families())
    if (candidate->id() == id) return *candidate;
  throw Error(ErrorCode::internal, fmt::format("'{}' is not an own kernel family", name(id)));
}

}  // namespace ak
