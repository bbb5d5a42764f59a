#include "cli/attempts_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "ak/types.hpp"

namespace ak::cli {

AttemptsFile::AttemptsFile(std::string file) : file_(std::move(file)) {
  if (!std::ofstream(file_, std::ios::trunc))
    throw Error(ErrorCode::invalid_argument, fmt::format("--attempts: '{}' cannot be written", file_));
}

void AttemptsFile::add(const port::Entry& entry, const std::string& part, const std::string& model, const port::Tried& tried) {
  const port::Asked& asked = *tried.asked;
  nlohmann::ordered_json json = {{"function", entry.name}, {"file", entry.file}};
  if (!part.empty()) json["only"] = part;
  json["model"] = model, json["arm"] = name(asked.arm), json["attempt"] = asked.number, json["anew"] = asked.anew;
  json["verdict"] = entry.verdict;
  json["status"] = name(tried.status), json["why"] = tried.why;
  json["right"] = tried.right, json["cases"] = tried.cases, json["as_template"] = asked.as_template;
  json["tokens"] = asked.tokens, json["seconds"] = asked.seconds, json["us"] = tried.times;
  json["prompt"] = asked.prompt, json["reply"] = asked.reply;
  std::ofstream out(file_, std::ios::app);
  out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  if (!out.flush()) throw Error(ErrorCode::internal, fmt::format("--attempts: '{}' cannot be written", file_));
}

}  // namespace ak::cli
