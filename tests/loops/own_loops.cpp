#include "own_loops.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

#include "analyser/analyse.hpp"
#include "analyser/front.hpp"
#include "analyser/refused.hpp"

namespace ak::test {

namespace fs = std::filesystem;

namespace {

OwnLoop own_loop(const fs::path& path) {
  OwnLoop own{path.string(), path.stem().string(), {}, {}};
  std::ifstream file(path);
  std::string first, second, word;
  std::getline(file, first);
  std::getline(file, second);
  own.expected = first.substr(std::min<std::size_t>(3, first.size()));
  if (second.starts_with("// facts: "))
    for (std::istringstream words(second.substr(10)); words >> word;)
      if (const auto equals = word.find('='); equals != word.npos)
        std::from_chars(word.data() + equals + 1, word.data() + word.size(), own.values[word.substr(0, equals)]);
  return own;
}

loop::Verdict analysed(const OwnLoop& own) {
  try {
    analyser::ClangCall call;
    call.file = own.path;
    const analyser::Unit unit(analyser::parse(call));
    const analyser::Front front = analyser::read_function(unit, {own.name, {}, {}}, own.values);
    analyser::Facts facts;
    facts.values = own.values;
    facts.walked = front.walked;
    loop::Verdict verdict = analyser::analyse(front.function, facts, front.notes);
    analyser::name_as_written(verdict, front);
    return verdict;
  } catch (const analyser::Refused& refused) {
    loop::Verdict verdict;
    verdict.function.name = own.name;
    verdict.refused = refused.what();
    return verdict;
  }
}

}  // namespace

const std::vector<OwnLoop>& own_loops() {
  static const std::vector<OwnLoop> all = [] {
    std::vector<OwnLoop> found;
    for (const auto& entry : fs::directory_iterator(AK_SOURCE_DIR "/tests/loops"))
      if (entry.path().extension() == ".c") found.push_back(own_loop(entry.path()));
    std::ranges::sort(found, {}, &OwnLoop::name);
    return found;
  }();
  return all;
}

const loop::Verdict& verdict_of(const OwnLoop& own) {
  struct Known {
    std::once_flag once;
    loop::Verdict verdict;
  };
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Known>> all;
  Known* known = nullptr;
  {
    const std::lock_guard lock(mutex);
    std::unique_ptr<Known>& place = all[own.name];
    if (!place) place = std::make_unique<Known>();
    known = place.get();
  }
  std::call_once(known->once, [&] { known->verdict = analysed(own); });
  return known->verdict;
}

}  // namespace ak::test
