#include <fmt/format.h>

#include "cli/cli.hpp"
#include "context/context.hpp"

namespace ak::cli {

void add_env(Program& program) {
  auto json = std::make_shared<bool>(false);
  Command command = program.add_command("env", "Every environment variable, its value here and where that came from");
  command.flag("--json", *json, "JSON instead of text");
  command.on_run([json] {
    const Settings settings = resolve_all({});
    Json rows = Json::array();
    bool good = true;
    for (const auto& e : settings.entries) {
      good &= e.fault.empty();
      if (*json)
        rows.push_back(
            {{"variable", e.variable}, {"value", e.value}, {"source", e.source}, {"meaning", e.meaning}, {"fault", e.fault}});
      else
        fmt::print("{:<20} {:<28} {:<12} {}\n", e.variable, e.value.empty() ? "-" : e.value,
                   e.fault.empty() ? e.source : "WRONG", e.fault.empty() ? e.meaning : e.fault);
    }
    if (*json) print_json(rows);
    return good ? kOk : kUsage;
  });
}

}  // namespace ak::cli
