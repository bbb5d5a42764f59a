#include "port/llm/answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "ak/types.hpp"
#include "base/json_value.hpp"
#include "base/text.hpp"
#include "llm/thinking.hpp"
#include "loop/c_tokens.hpp"
#include "port/cases/size_expression.hpp"

namespace ak::port {

using loop::ScalarType;
using loop::Term;

namespace {

constexpr std::size_t kMostJson = 16 << 10, kMostWhyBytes = 200, kMostFaultBytes = 300, kMostBlocksRead = 64;
constexpr int kMostTried = 64;  // brackets that may begin an object
constexpr int kMostThreads = 1024, kMostSharedBytes = 48 << 10, kWarp = 32;

[[noreturn]] void missing(const std::string& what) { throw Error(ErrorCode::invalid_argument, what); }

struct Fenced {
  std::string_view word, text;  // behind the opening ```; a block that is never closed ends with the text
};

std::vector<Fenced> fenced(std::string_view text) {
  std::vector<Fenced> blocks;
  std::optional<Fenced> open;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(text.substr(at, end - at));
    const std::size_t next = std::min(end + 1, text.size());
    if (line.starts_with("```")) {
      if (!open) {
        open = Fenced{trimmed(line.substr(3)), text.substr(next, 0)};
      } else {
        open->text = std::string_view(open->text.data(), static_cast<std::size_t>(text.data() + at - open->text.data()));
        blocks.push_back(*open);
        if (blocks.size() > kMostBlocksRead)
          missing(
              fmt::format("more than {} blocks between ``` lines: one of JSON and one of code are wanted", kMostBlocksRead));
        open.reset();
      }
    }
    at = next;
  }
  if (open) missing("the block of code is not closed by a line of ```: the answer was cut off, make it shorter");
  return blocks;
}

// By its word, else by how it begins.
bool is_json(const Fenced& block) {
  const std::size_t begin = block.text.find_first_not_of(" \t\r\n");
  return lower(block.word) == "json" || (block.word.empty() && begin != block.text.npos && block.text[begin] == '{');
}

// From the bracket on to the one that closes it; empty where none does.
std::string_view balanced(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return text.substr(0, i + 1);
    }
  }
  return {};
}

// The first object with launches in prose.
std::string_view bare_object(std::string_view text) {
  const std::size_t key = text.find("\"launches\"");
  if (key == text.npos) return {};
  int tried = 0;
  for (std::size_t at = text.find('{'); at < key && tried < kMostTried; at = text.find('{', at + 1), ++tried)
    if (const std::string_view object = balanced(text.substr(at)); at + object.size() > key) return object;
  return {};
}

bool is_identifier(std::string_view word) {
  if (word.empty() || word.size() > 128 || is_digit(word[0])) return false;
  return std::ranges::all_of(word, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

class Reader {
 public:
  Reader(const loop::Function& function, KernelAnswer& answer) : function_(function), answer_(answer) {}

  void read(const JsonValue& whole) {
    if (const auto why = whole.find("why")) answer_.why = one_line(why->text(), kMostWhyBytes);
    loop::Candidate& candidate = answer_.candidate;
    whole["launches"].items([&](const JsonValue& one) {
      if (candidate.launches.size() == kMostLaunches) one.bad(fmt::format("more than {} launches", kMostLaunches));
      candidate.launches.push_back(launch(one));
    });
    if (candidate.launches.empty()) whole["launches"].bad("is empty");
    const auto scratches = whole.find("scratch");
    if (!scratches) return;
    scratches->items([&](const JsonValue& one) {
      if (candidate.scratch.size() == kMostScratch) one.bad(fmt::format("more than {} arrays", kMostScratch));
      candidate.scratch.push_back(scratch(one));
    });
  }

 private:
  Term size(const JsonValue& value) const {
    std::string text;
    try {
      text = fmt::format("{}", value.integer(0, std::int64_t{1} << 40));
    } catch (const Error&) {
      text = value.text();
    }
    const auto term = size_expression(loop::c_tokens(text), [&](std::string_view name) -> std::optional<Term> {
      if (name == kSmsName) return loop::scalar(loop::kSms, ScalarType::i64);
      const loop::Parameter* parameter = loop::find_parameter(function_, std::string(name));
      if (!parameter || parameter->pointer || is_real(parameter->type)) return std::nullopt;
      return loop::convert(ScalarType::i64, loop::scalar(parameter->name, parameter->type));
    });
    if (!term)
      value.bad(fmt::format("'{}' is no expression of integer parameters, sms and numbers under + - * / % ( ) ?: min max, of at most 256 "
                            "words, min and max at most six in each other",
                            one_line(text, 80)));
    return *term;
  }

  loop::Launch launch(const JsonValue& value) const {
    loop::Launch made;
    made.kernel = value["kernel"].text();
    if (!is_identifier(made.kernel)) value["kernel"].bad(fmt::format("'{}' is no name of a kernel", one_line(made.kernel, 40)));
    made.blocks = size(value["blocks"]);
    made.threads = static_cast<int>(value["threads"].integer(kWarp, kMostThreads));
    if (made.threads % kWarp != 0) value["threads"].bad(fmt::format("{} is no multiple of {}", made.threads, kWarp));
    if (const auto bytes = value.find("shared_bytes"))
      made.shared_bytes = static_cast<int>(bytes->integer(0, kMostSharedBytes));
    if (const auto waits = value.find("waits")) made.waits = waits->boolean();
    return made;
  }

  loop::Scratch scratch(const JsonValue& value) const {
    loop::Scratch made;
    made.name = value["name"].text();
    const auto same = [&](const loop::Scratch& other) { return other.name == made.name; };
    if (!is_identifier(made.name) || loop::find_parameter(function_, made.name) ||
        std::ranges::any_of(answer_.candidate.scratch, same))
      value["name"].bad(fmt::format("'{}' is no name of its own", one_line(made.name, 40)));
    const std::string type = value["type"].text();
    for (const ScalarType one : {ScalarType::f32, ScalarType::f64, ScalarType::i32, ScalarType::i64})
      if (type == c_name(one)) made.type = one;
    if (type != c_name(made.type))
      value["type"].bad(fmt::format("'{}' is none of float, double, int, long long", one_line(type, 40)));
    made.elements = size(value["elements"]);
    if (const auto zeroed = value.find("zeroed")) made.zeroed = zeroed->boolean();
    return made;
  }

  const loop::Function& function_;
  KernelAnswer& answer_;
};

void read_whole(std::string_view text, const loop::Function& function, KernelAnswer& answer) {
  if (text.size() > kMostAnswer) missing(fmt::format("the answer is longer than {} KiB", kMostAnswer >> 10));
  text = without_thinking(text);
  const std::vector<Fenced> blocks = fenced(text);
  std::string_view json;
  const Fenced* code = nullptr;
  for (const Fenced& block : blocks) {
    if (is_json(block)) {
      if (!json.empty()) missing("two blocks of JSON: one is wanted");
      json = block.text;
    } else {
      if (code) missing("two blocks of code: one is wanted, with all kernels");
      code = &block;
    }
  }
  if (!code) missing("no block of code: begin it by a line of ```cuda and end it by a line of ```");
  if (json.empty()) json = bare_object(text.substr(0, static_cast<std::size_t>(code->text.data() - text.data())));
  if (json.empty())
    json = bare_object(text.substr(static_cast<std::size_t>(code->text.data() - text.data()) + code->text.size()));
  if (json.empty()) missing("no JSON with \"launches\"");
  if (json.size() > kMostJson) missing(fmt::format("the JSON is longer than {} KiB", kMostJson >> 10));
  read_json("answer", json, [&](const JsonValue& whole) { Reader(function, answer).read(whole); });
  answer.candidate.text = code->text;
  answer.candidate.origin = loop::Origin::llm;
}

}  // namespace

KernelAnswer read_answer(std::string_view text, const loop::Function& function) {
  KernelAnswer answer;
  try {
    read_whole(text, function, answer);
  } catch (const Error& error) {
    answer.fault = one_line(error.what(), kMostFaultBytes);
    answer.candidate = {};
  }
  return answer;
}

std::string answer_text(const loop::Candidate& candidate, const std::string& why) {
  nlohmann::ordered_json json;
  json["why"] = why;
  for (const loop::Launch& launch : candidate.launches) {
    nlohmann::ordered_json one = {{"kernel", launch.kernel}, {"blocks", size_text(launch.blocks)}, {"threads", launch.threads}};
    if (launch.shared_bytes) one["shared_bytes"] = launch.shared_bytes;
    if (launch.waits) one["waits"] = true;
    json["launches"].push_back(std::move(one));
  }
  for (const loop::Scratch& scratch : candidate.scratch) {
    nlohmann::ordered_json one = {
        {"name", scratch.name}, {"type", std::string(c_name(scratch.type))}, {"elements", size_text(scratch.elements)}};
    if (scratch.zeroed) one["zeroed"] = true;
    json["scratch"].push_back(std::move(one));
  }
  const std::size_t begin = candidate.text.find_first_not_of('\n');
  return fmt::format("```json\n{}\n```\n```cuda\n{}```\n", json.dump(),
                     candidate.text.substr(std::min(begin, candidate.text.size())));
}

}  // namespace ak::port
