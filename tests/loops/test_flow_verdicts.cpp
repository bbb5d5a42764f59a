// The verdict of every own loop is the one in its first line.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "analyser/analyse.hpp"
#include "analyser/front.hpp"
#include "analyser/refused.hpp"

using namespace ak;
namespace fs = std::filesystem;

namespace {

struct OwnLoop {
  std::string path, name, expected;
  loop::Values values;
};

OwnLoop own_loop(const fs::path& path) {
  OwnLoop own{path.string(), path.stem().string(), {}, {}};
  std::ifstream file(path);
  std::string first, second, word;
  std::getline(file, first);
  std::getline(file, second);
  own.expected = first.substr(std::min<std::size_t>(3, first.size()));
  if (second.starts_with("// facts: "))
    for (std::istringstream words(second.substr(10)); words >> word;)
      if (const auto equals = word.find('='); equals != word.npos) own.values[word.substr(0, equals)] = std::stoll(word.substr(equals + 1));
  return own;
}

std::string verdict_of(const OwnLoop& own) {
  try {
    analyser::ClangCall call;
    call.file = own.path;
    const analyser::Unit unit(analyser::parse(call));
    const analyser::Front front = analyser::read_function(unit, {own.name, {}, {}}, own.values);
    analyser::Facts facts;
    facts.values = own.values;
    loop::Verdict verdict = analyser::analyse(front.function, facts, front.notes);
    analyser::name_as_written(verdict, front);
    return loop::text(verdict);
  } catch (const analyser::Refused&) {
    return "refused";
  }
}

}  // namespace

TEST_CASE("flow: the verdict of every own loop is the one in its first line") {
  int loops = 0;
  for (const auto& entry : fs::directory_iterator(AK_SOURCE_DIR "/tests/loops")) {
    if (entry.path().extension() != ".c") continue;
    const OwnLoop own = own_loop(entry.path());
    ++loops;
    CAPTURE(own.name);
    CHECK(verdict_of(own) == own.expected);
  }
  MESSAGE(loops, " loops");
}
