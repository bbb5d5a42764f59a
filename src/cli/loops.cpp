#include "cli/loops.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "cache/pack.hpp"
#include "loop/winner.hpp"
#include "port/candidates.hpp"
#include "port/gate/gate.hpp"

namespace ak::cli {

namespace {

const loop::Candidate* kernel_of(const loop::Winner& winner, const loop::SizeRow& row) {
  const auto which = static_cast<std::size_t>(row.kernel);
  return row.kernel >= 0 && which < winner.kernels.size() ? &winner.kernels[which] : nullptr;
}

// Who wrote it, where that was no template.
std::string_view writer(const loop::Candidate& kernel) { return kernel.origin == loop::Origin::llm ? ", by an LLM" : ""; }

}  // namespace

std::string loop_line(const WorkRecord& record) {
  try {
    const loop::Winner winner = loop::read_winner(record.text);
    std::string line = printable_line(record.key) + ":";
    for (const loop::SizeRow& row : winner.sizes)
      if (const loop::Candidate* kernel = kernel_of(winner, row))
        line += fmt::format("\n    {} iterations: {}{}  {}", row.size, port::tactic_text(*kernel), writer(*kernel),
                            shown_us(row.kernel_us));
    if (unproven(record)) line += "  to be proven";
    if (winner.unfinished) line += "  unfinished: a later call goes on";
    return printable(line);
  } catch (const Error& error) {
    return printable_line(fmt::format("{}: {}", record.key, error.what()));
  }
}

std::string loop_text(const WorkRecord& record) {
  const loop::Winner winner = loop::read_winner(record.text);
  std::string all = fmt::format("loop      {}\nverdict   {}\n", printable_line(record.key), printable_line(winner.verdict));
  all += fmt::format("proof     {} cases, {} candidates in {:.2f} s, {:%Y-%m-%d %H:%M} UTC{}\n", winner.cases, winner.tried,
                     winner.seconds, fmt::gmtime(static_cast<std::time_t>(winner.unix_time)),
                     winner.unfinished ? ", unfinished: a later call goes on" : "");
  const auto version = [](const std::string& of) { return of.empty() ? std::string("-") : printable_line(of); };
  all += fmt::format("made with driver {}, NVRTC {}\n", version(winner.driver), version(winner.nvrtc));
  all += fmt::format("state     {}\n", unproven(record) ? "imported, not proven on this machine yet" : "proven here");
  // A moved call has its data in the host's memory: the kernel's with both copies, beside the C function's.
  constexpr auto kRow = "{:>12}  {:>11}  {:>11}  {:>11}  {:>11}  {:>11}  {:>11}  {}\n";
  all +=
      "\n" + fmt::format(kRow, "iterations", "kernel", "C function", "copy in", "copy out", "moved call", "C call", "kernel");
  for (const loop::SizeRow& row : winner.sizes) {
    const loop::Candidate* kernel = kernel_of(winner, row);
    all += fmt::format(kRow, row.size, shown_us(row.kernel_us), shown_us(row.host_us), shown_us(row.copy_in_us),
                       shown_us(row.copy_out_us), shown_us(row.moved_us), shown_us(row.call_us),
                       kernel ? port::tactic_text(*kernel) : "-");
  }
  for (const loop::Candidate& kernel : winner.kernels)
    all += fmt::format("\n// {}{}\n{}", port::tactic_text(kernel), writer(kernel), kernel.text);
  return printable(all);
}

std::string damage_of(const WorkRecord& r) {
  if (r.kind != loop::kLoop) return {};
  try {
    const loop::Winner winner = loop::read_winner(r.text);
    const auto images = r.local.empty() ? std::nullopt : loop::unpack_images(r.local);
    if (!r.local.empty() && !images) return "damaged: its images are not what their digests say";
    if (images && images->size() != winner.kernels.size())
      return fmt::format("damaged: it has {} images of {} kernels", images->size(), winner.kernels.size());
    return {};
  } catch (const Error& error) {
    return fmt::format("its text cannot be read: {}", error.what());
  }
}

std::string refused_text(const WorkRecord& record) {
  if (record.kind != loop::kLoop) return {};
  for (const loop::Candidate& kernel : loop::read_winner(record.text).kernels) {
    port::GateNames names;
    for (const loop::Launch& launch : kernel.launches)
      if (!std::ranges::count(names.kernels, launch.kernel)) names.kernels.push_back(launch.kernel);
    if (const auto refusal = port::refused(kernel.text, names))
      return printable_line(fmt::format("the text of {}: {}", port::tactic_text(kernel), refusal->text()));
  }
  return {};
}

}  // namespace ak::cli
