// Every attempt of a language model as a line of JSON, for study.
#pragma once

#include <string>

#include "port/port.hpp"
#include "port/report/results.hpp"

namespace ak::cli {

class AttemptsFile {
 public:
  /// An older one is replaced. Throws Error{invalid_argument}.
  explicit AttemptsFile(std::string file);
  /// `part`: of which calls, where a function has several. Throws Error{internal} where it cannot be written.
  void add(const port::Entry& entry, const std::string& part, const std::string& model, const port::Tried& tried);

 private:
  const std::string file_;
};

}  // namespace ak::cli
