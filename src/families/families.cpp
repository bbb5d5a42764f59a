#include <fmt/format.h>

#include "ak/types.hpp"
#include "families/family.hpp"
#include "families/skinny.hpp"
#include "families/sm80.hpp"
#include "families/sm90.hpp"

namespace ak {

// One line a family.

std::span<const Family* const> families() {
  static const auto& all = *new std::vector<const Family*>{&sm90_family(), &sm80_family(), &skinny_family()};
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
