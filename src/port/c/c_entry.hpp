// The C text that calls a function with the arguments of a case, and these arguments.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loop/function.hpp"
#include "port/c/c_program.hpp"
#include "port/cases/case.hpp"

namespace ak::port {

struct CEntry {
  int number = 0;
  std::string callee;
  bool arguments_for_implicit = false;  // the callee takes what is implicit as arguments, as a normal form does
  bool with_counts = false;             // its last argument is one more pointer
  std::string before_call, after_call;  // statements next to the call
};

/// `void ak_entry_N(void** ak_args)`. The result's pointer comes first where there is one. An array of file scope, or a
/// scalar that is written, gets the argument's values and gives them back; a pointer of file scope gets the pointer.
std::string c_text(const CEntry& entry, const loop::Function& function);

/// A block for each argument of the case, in `memories`, copies of the case's; `values` holds those that are no pointers.
std::vector<CProgram::Block> blocks_of(const Case& given, std::vector<Memory>& memories, std::vector<std::uint64_t>& values,
                                       bool in_double = false);

/// A table of file scope that is const, and is given other values all the same.
bool has_constant_tables(const loop::Function& function);

}  // namespace ak::port
