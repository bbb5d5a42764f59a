#include "port/c/c_entry.hpp"

#include <fmt/format.h>

#include <cstring>

namespace ak::port {

using loop::Function;
using loop::Parameter;
using loop::ScalarType;

std::string c_text(const CEntry& entry, const Function& function) {
  std::string before, after, arguments;
  int at = function.returns != ScalarType::none;
  for (const Parameter& parameter : function.parameters) {
    if (parameter.implicit && !entry.arguments_for_implicit) {
      const std::string& name = parameter.name;
      if (parameter.pointer) {
        // An array, a pointer, or a scalar that is written. Only an array plus 0 has another type.
        const std::string is_pointer = fmt::format(
            "(__builtin_classify_type({0}) == 5 && __builtin_types_compatible_p(__typeof__({0}), __typeof__(({0}) + 0)))",
            name);
        before += fmt::format(
            "  if ({0}) *(void**)&{1} = ak_args[{2}]; else __builtin_memcpy((void*)&{1}, ak_args[{2}], sizeof {1});\n",
            is_pointer, name, at);
        after += fmt::format("  if (!{0}) __builtin_memcpy(ak_args[{2}], (void*)&{1}, sizeof {1});\n", is_pointer, name, at);
      } else {
        before += fmt::format("  __builtin_memcpy((void*)&{0}, ak_args[{1}], sizeof {0});\n", name, at);
      }
    } else {
      arguments += arguments.empty() ? "" : ", ";
      arguments +=
          parameter.pointer ? fmt::format("ak_args[{}]", at) : fmt::format("*({}*)ak_args[{}]", c_name(parameter.type), at);
    }
    ++at;
  }
  if (entry.with_counts) arguments += fmt::format("{}ak_args[{}]", arguments.empty() ? "" : ", ", at);
  const std::string result =
      function.returns == ScalarType::none ? "" : fmt::format("*({}*)ak_args[0] = ", c_name(function.returns));
  return fmt::format("void ak_entry_{}(void** ak_args) {{\n{}  {}{}{}({});{}\n{}}}\n", entry.number, before, entry.before_call,
                     result, entry.callee, arguments, entry.after_call, after);
}

bool has_constant_tables(const Function& function) {
  for (const Parameter& parameter : function.parameters)
    if (parameter.implicit && parameter.constant) return true;
  return false;
}

std::vector<CProgram::Block> blocks_of(const Case& given, std::vector<Memory>& memories, std::vector<std::uint64_t>& values,
                                       bool in_double) {
  values.assign(given.arguments.size(), 0);
  std::vector<CProgram::Block> blocks;
  for (std::size_t i = 0; i < given.arguments.size(); ++i) {
    const Argument& argument = given.arguments[i];
    if (argument.pointer) {
      Memory& memory = memories[argument.memory];
      blocks.push_back({memory.bytes.data(), memory.bytes.size(),
                        static_cast<std::size_t>(Memory::kGuardBytes + argument.offset * size_of(memory.type))});
      continue;
    }
    const auto store = [&](auto value) { std::memcpy(&values[i], &value, sizeof value); };
    if (argument.type == ScalarType::f32 && !in_double)
      store(static_cast<float>(argument.real));
    else if (is_real(argument.type))
      store(argument.real);
    else if (argument.type == ScalarType::i32)
      store(static_cast<std::int32_t>(argument.integer));
    else
      store(argument.integer);
    blocks.push_back({&values[i], sizeof values[i], 0});
  }
  return blocks;
}

}  // namespace ak::port
