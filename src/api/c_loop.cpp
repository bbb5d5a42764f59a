// Loops at the C boundary.
#include <string>
#include <vector>

#include "ak/loop.hpp"
#include "api/c_boundary.hpp"

using namespace ak::c;

struct ak_loop {
  ak::Loop loop;
};

namespace {

const char* named(const char* text, const char* what) {
  if (!required(text, what)) throw ak::Error(ak::ErrorCode::invalid_argument, fmt::format("{}: is empty", what));
  return text;
}

// C gives no types with its values: they are the source's own, null.
void have_values(void* const* values, std::size_t count) {
  if (count > 0) required(values, "values");
  for (std::size_t i = 0; i < count; ++i)
    if (!values[i]) throw ak::Error(ak::ErrorCode::invalid_argument, fmt::format("values[{}]: is null", i));
}

// What comes of `told`; whether there is room for it is asked before that takes its time.
template <class Told>
void tell(ak_explanation* explanation, Told&& told) {
  const std::size_t size = explanation ? size_of(explanation, "explanation") : 0;
  const ak::Explanation e = told();
  if (explanation) write(explanation_of(e), explanation, size);
}

}  // namespace

extern "C" {

ak_status ak_loop_open(ak_context* context, const char* file, const char* function, const ak_loop_options* options,
                       ak_loop** loop) {
  if (loop) *loop = nullptr;
  return guard([&] {
    named(file, "file"), named(function, "function"), required(loop, "loop");
    ak_loop_options filled;
    const ak_loop_options& given = options ? read(options, "options", filled) : Sized<ak_loop_options>::init;
    ak::LoopOptions all;
    if (given.text) all.text = given.text;
    if (given.flag_count) required(given.flags, "options.flags");
    for (std::size_t i = 0; i < given.flag_count; ++i) all.flags.emplace_back(&required(given.flags[i], "options.flags"));
    if (given.length_count) required(given.lengths, "options.lengths");
    for (std::size_t i = 0; i < given.length_count; ++i) {
      const std::string_view word = &required(given.lengths[i], "options.lengths");
      const auto equals = word.find('=');
      if (equals == word.npos || equals == 0)
        throw ak::Error(ak::ErrorCode::invalid_argument, fmt::format("options.lengths[{}]: '{}' is not NAME=LENGTH", i, word));
      all.lengths[std::string(word.substr(0, equals))] = word.substr(equals + 1);
    }
    if (given.residency < ak_loop_residency_ask || given.residency > ak_loop_residency_host)
      throw ak::Error(ak::ErrorCode::invalid_argument,
                      fmt::format("options.residency: {} is not a residency", static_cast<int>(given.residency)));
    all.residency = static_cast<ak::LoopResidency>(given.residency);
    all.unordered = given.unordered != 0;
    ak::LoopHost host;
    if (given.host) {
      host.function = reinterpret_cast<void (*)()>(given.host);
      host.run = [](void (*of)(), void* const* values) { reinterpret_cast<void (*)(void* const*)>(of)(values); };
    }
    *loop = new ak_loop{context_of(context).loop(file, function, host, all)};
  });
}

void ak_loop_close(ak_loop* loop) { delete loop; }

ak_status ak_loop_call(const ak_loop* loop, ak_stream stream, void* const* values, size_t count) {
  return guard([&] {
    required(loop, "loop");
    have_values(values, count);
    loop->loop.call(stream, nullptr, values, count);
  });
}

ak_status ak_loop_prepare(const ak_loop* loop, void* const* values, size_t count, ak_explanation* explanation) {
  return guard([&] {
    required(loop, "loop");
    have_values(values, count);
    tell(explanation, [&] { return loop->loop.prepare_call(nullptr, values, count); });
  });
}

ak_status ak_loop_explain(const ak_loop* loop, void* const* values, size_t count, ak_explanation* explanation) {
  return guard([&] {
    required(loop, "loop");
    have_values(values, count);
    tell(explanation, [&] { return loop->loop.explain_call(nullptr, values, count); });
  });
}

ak_status ak_loop_epoch(const ak_loop* loop, uint64_t* epoch) {
  return guard([&] {
    required(loop, "loop"), required(epoch, "epoch");
    *epoch = loop->loop.epoch();
  });
}

}  // extern "C"
