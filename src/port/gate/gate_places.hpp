// What a kernel text may do with its own arrays, and what a struct's functions may call: rules of places, beside those of
// words.
#pragma once

#include <cstddef>

#include "port/gate/gate_declarations.hpp"

namespace ak::port::gate {

/// An array of the kernel's own is used element by element, or handed on by reference: so a compiler knows its length wherever
/// it is used, and the emulator is told of each subscript beyond it. Its address, as any own variable's, is not taken. Both
/// throw Refusal, of the token at i.
void check_array(const Declarations& declared, std::size_t i);
void check_address(const Declarations& declared, std::size_t i);

/// A function of a struct calls nothing that might lead back to it by what a type turns out to be: neither templates nor
/// objects.
void check_member_body(const Declarations& declared, std::size_t i);

}  // namespace ak::port::gate
