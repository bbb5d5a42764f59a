#include "context/served.hpp"

namespace ak {

std::string_view name(Standing standing) {
  switch (standing) {
    case Standing::lasting:
      return "lasting";
    case Standing::passing:
      return "passing: it is asked for again later";
    default:
      return "the next call asks again";
  }
}

}  // namespace ak
