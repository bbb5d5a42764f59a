#include "planted_loops.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>
#include <stdexcept>

namespace ak::loop {
namespace {

std::runtime_error bad(const std::string& file, std::string_view line) {
  return std::runtime_error(fmt::format("planted/{}: '{}'", file, line));
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> pieces(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> all;
  for (std::size_t at; (at = text.find(separator)) != text.npos; text.remove_prefix(at + separator.size()))
    all.push_back(trim(text.substr(0, at)));
  all.push_back(trim(text));
  return all;
}

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line = text.substr(i, 2) == "\\n";
    out += line ? '\n' : text[i];
    i += line;
  }
  return out;
}

int count_of(const PlantedKernel& kernel, const std::string& elements, int n) {
  if (const auto plus = elements.find('+'); plus != elements.npos)
    return count_of(kernel, elements.substr(0, plus), n) + number(elements.substr(plus + 1));
  const auto word = elements.find_first_not_of("0123456789");
  const int factor = word == 0 ? 1 : number(elements);
  if (word == elements.npos) return factor;
  return factor * (elements.substr(word) == "blocks" ? kernel.blocks(n) : n);
}

// "const float b[n+8] = mixed", "unsigned flag[blocks] = zeroed", "n".
PlantedArgument argument_of(const std::string& file, std::string_view text) {
  PlantedArgument argument;
  if (text == "n") return argument.name = "n", argument;
  const auto open = text.find('['), close = text.find(']'), equals = text.find('=');
  if (open == text.npos || close == text.npos || equals == text.npos) throw bad(file, text);
  const std::string_view before = text.substr(0, open);
  argument.name = before.substr(before.rfind(' ') + 1);
  argument.elements = text.substr(open + 1, close - open - 1);
  argument.real = before.find("float") != before.npos;
  const auto words = pieces(trim(text.substr(equals + 1)), " ");
  argument.fill = words[0];
  argument.scratch = words.back() == "scratch" || words[0] == "zeroed";
  return argument;
}

PlantedLaunch launch_of(const std::string& file, std::string_view text) {
  const auto words = pieces(text, " ");
  if (words.size() < 2) throw bad(file, text);
  PlantedLaunch launch;
  launch.kernel = words[0];
  if (words[1] != "n") launch.blocks = number(words[1]);
  for (const std::string_view word : words) launch.dependent |= word == "dependent", launch.shared |= word == "shared";
  return launch;
}

void read_numbers(PlantedKernel& kernel) {
  const auto of = [&](std::string_view name, int otherwise) {
    const auto at = kernel.text.find(fmt::format("{} = ", name));
    return at == kernel.text.npos ? otherwise : number(std::string_view(kernel.text).substr(at + name.size() + 3));
  };
  kernel.threads = of("kThreads", 0), kernel.items = of("kItems", 1);
  if (kernel.threads < 1) throw bad(kernel.file, "kThreads");
}

float value_of(const std::string& fill, int k, int n, std::mt19937& random) {
  const int any = static_cast<int>(random() % 101);
  if (fill == "0" || fill == "zeroed") return 0;
  if (fill == "scratch") return -77;
  if (fill == "minus") return -1;
  if (fill == "top") return static_cast<float>(n);
  if (fill == "lowest") return -2147483648.0f;
  if (fill == "mixed") return static_cast<float>(any - 50);
  if (fill == "negative") return static_cast<float>(-100 - 3 * std::abs(k - 7 * n / 10));
  if (fill == "positive") return static_cast<float>(any + 1);
  if (fill == "ties") return static_cast<float>(k % 4 == 2 && 3 * k > n ? 3 : any % 3);
  if (fill == "signs") return static_cast<float>(any % 3 - 1);
  if (fill == "late") return static_cast<float>(k < 2 * n / 3 ? any : any % 2 ? any : -1 - any);
  if (fill == "duplicates") return static_cast<float>(static_cast<int>(random() % static_cast<unsigned>(n)) / 2);
  if (fill == "permutation") return static_cast<float>(std::gcd(n, 7) == 1 ? (k * 7LL + 3) % n : n - 1 - k);
  throw std::runtime_error("planted: no data '" + fill + "'");
}

}  // namespace

PlantedArrays PlantedKernel::arrays(int n) const {
  PlantedArrays all;
  all.n = n;
  std::mt19937 random(static_cast<unsigned>(n));
  for (const PlantedArgument& argument : arguments) {
    if (argument.elements.empty()) continue;
    const int count = count_of(*this, argument.elements, n);
    for (int k = 0; k < count; ++k) {
      const float value = value_of(argument.fill, k, n, random);
      if (argument.real)
        all.f[argument.name].push_back(value);
      else
        all.i[argument.name].push_back(static_cast<int>(value));
    }
  }
  return all;
}

EmulationRequest PlantedKernel::request(PlantedArrays& arrays) const {
  EmulationRequest request;
  for (const PlantedArgument& argument : arguments) {
    if (argument.elements.empty()) {
      request.arguments.push_back(EmulatedArgument::of(arrays.n));
      continue;
    }
    const ScalarType type = argument.real ? ScalarType::f32 : ScalarType::i32;
    request.arguments.push_back(EmulatedArgument::pointer(static_cast<int>(request.buffers.size()), type));
    if (argument.real)
      request.buffers.push_back({argument.name, type, std::ssize(arrays.f[argument.name]), arrays.f[argument.name].data()});
    else
      request.buffers.push_back({argument.name, type, std::ssize(arrays.i[argument.name]), arrays.i[argument.name].data()});
  }
  for (const PlantedLaunch& launch : launches)
    request.launches.push_back({space + "::" + launch.kernel, launch.blocks ? launch.blocks : blocks(arrays.n), threads,
                                launch.shared ? 4 * threads : 0, launch.dependent});
  request.steps = arrays.n > 1000 ? 20'000'000 : 2'000'000;
  return request;
}

std::vector<PlantedKernel> planted_kernels_of(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".cu") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<PlantedKernel> all;
  for (const auto& path : files) {
    PlantedKernel base;
    base.file = path.stem().string();
    std::vector<std::string> variants;
    std::ifstream file(path);
    bool head = true;
    for (std::string line; std::getline(file, line);) {
      const std::string_view rest = std::string_view(line).substr(std::min<std::size_t>(3, line.size()));
      head = head && line.starts_with("//");
      if (!head)
        base.text += line + "\n";
      else if (rest.starts_with("arguments: "))
        for (const std::string_view one : pieces(rest.substr(11), ", ")) base.arguments.push_back(argument_of(base.file, one));
      else if (rest.starts_with("launches: "))
        for (const std::string_view one : pieces(rest.substr(10), ", ")) base.launches.push_back(launch_of(base.file, one));
      else if (rest.starts_with("right: ") || rest.starts_with("wrong "))
        variants.emplace_back(rest);
    }
    read_numbers(base);
    all.push_back(base);
    for (const std::string& line : variants) {  // "wrong race: missing barrier: __syncthreads(); =>"
      PlantedKernel variant = base;
      const auto colon = line.find(": "), second = line.find(": ", colon + 2), arrow = line.find(" =>", second);
      if (second == line.npos || arrow == line.npos) throw bad(base.file, line);
      if (line.starts_with("wrong ")) variant.wrong = line.substr(6, colon - 6);
      variant.name = line.substr(colon + 2, second - colon - 2);
      const std::string from = unescaped(line.substr(second + 2, arrow - second - 2));
      const std::string to = unescaped(trim(std::string_view(line).substr(arrow + 3)));
      const auto at = variant.text.find(from);
      if (at == variant.text.npos) throw bad(base.file, line + "': there is no '" + from);
      variant.text.replace(at, from.size(), to);
      read_numbers(variant);
      all.push_back(std::move(variant));
    }
  }
  for (std::size_t k = 0; k < all.size(); ++k) all[k].space = fmt::format("planted_{}", k);
  return all;
}

std::string planted_text(const std::vector<PlantedKernel>& kernels) {
  std::string text;
  for (const PlantedKernel& kernel : kernels)
    text += fmt::format("namespace {} {{\n#line 1 \"{}\"\n{}}}\n", kernel.space, kernel.title(), kernel.text);
  return text;
}

std::vector<std::string> planted_names(const std::vector<PlantedKernel>& kernels) {
  std::vector<std::string> names;
  for (const PlantedKernel& kernel : kernels)
    for (const PlantedLaunch& launch : kernel.launches) names.push_back(kernel.space + "::" + launch.kernel);
  return names;
}

}  // namespace ak::loop
