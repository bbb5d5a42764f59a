#include "port/report/report.hpp"

#include <fmt/format.h>

#include "cli/cli.hpp"

namespace ak::cli {
namespace {

struct ReportState {
  std::string file, older;
  bool markdown = false;
};

int report(const ReportState& state) {
  fmt::print("{}", port::report_files(state.file, state.older, state.markdown ? port::Markup::markdown : port::Markup::text));
  return kOk;
}

}  // namespace

void add_report(Program& program) {
  auto state = std::make_shared<ReportState>();
  Command command = program.add_command("report", "Say what a results.json of `ak port` holds, or what changed since another");
  command.option("file", state->file, "results.json of `ak port --out`, or a folder with several").required();
  command.option("older", state->older, "the same of an older run, to compare with");
  command.flag("--md", state->markdown, "Markdown instead of text");
  command.on_run([state] { return report(*state); });
}

}  // namespace ak::cli
