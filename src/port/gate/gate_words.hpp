// The words that a kernel text may have beside the names that it declares.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ak::port::gate {

/// Of C++ and CUDA, for expressions, statements and qualifiers.
bool is_keyword(std::string_view word);
/// Words that begin or continue a type: int, unsigned, float4, size_t.
bool is_type_word(std::string_view word);
/// CUDA's variables and functions, and the mathematics that the emulator has too.
bool is_built_in(std::string_view word);
/// All of them but make_float4() and its kin.
std::vector<std::string> built_ins();
/// Of namespace ak in kernels/loop.cuh: what kernels may use.
bool is_prelude_name(std::string_view word);
std::vector<std::string> prelude_names();
bool is_prelude_type(std::string_view word);
/// Of the prelude's structs, and CUDA's: what may stand behind a dot.
bool is_prelude_member(std::string_view word);
/// Where one of their members is an array, with one subscript: the names by which a text may come to have such a struct.
std::vector<std::string_view> prelude_arrays_of(std::string_view word);

/// Names that a text may neither use nor declare: compilers, or the emulator, have something of that name.
bool is_reserved(std::string_view word);
/// What to do instead of a word that is refused; empty where nothing better is known.
std::string_view instead_of(std::string_view word);

}  // namespace ak::port::gate
